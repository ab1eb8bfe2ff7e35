"""What the survey says a run takes; facts and the machine's speed are made up."""

import os

import pytest
import yaml

from chronovision.features.network_hints import asked_network
from chronovision.jobs.costs import CORE_GFLOPS, run_seconds, video_extent
from chronovision.jobs.resources import ROOM, network_minutes, stage_minutes
from chronovision.survey import costs as survey_costs
from chronovision.survey.costs import describe_costs, describe_time
from chronovision.survey.cpu_speed import Speeds
from chronovision.videos.span import Span
from chronovision.videos.table import Video
from support.paths import PROJECT

CONFIG = yaml.safe_load(PROJECT.joinpath("config/config.yaml").read_text())
VGG19 = 39.02  # 10⁹ operations up to pool5

#: A film of two hours in 1080p, with what the jobs of a run with the defaults are, by the rules.
FILM = {"bytes": 4 * 10**9, "n_frames": 172_800, "duration_s": 7200.0, "frame_rate": 24.0}
FILM |= {"width": 1920, "height": 1080, "vfr": False, "median_interval_s": 1 / 24}
JOBS = dict.fromkeys(
    ("probe_video", "dump_frames", "describe_frames", "check_quality", "plot_video", "render_page"),
    1,
) | {"measure_changes": 2, "accumulate_changes": 2, "segment_video": 2}


@pytest.fixture
def settings(monkeypatch):
    """Steps of 1/6 s, on one core of the speed that the requests assume."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    speeds = Speeds(CORE_GFLOPS, None)
    monkeypatch.setattr(survey_costs, "measure_speeds", lambda device: speeds)
    return {**CONFIG, "frames": {**CONFIG["frames"], "step_s": 1 / 6}}


@pytest.mark.parametrize("strict", [False, True])
def test_survey_and_requests_agree(settings, strict):
    """Of a film a thousand times as long, as requests are of whole minutes, and of 5 at least."""
    settings["strict"] = strict
    numbers = {name: 1000 * FILM[name] for name in ("bytes", "n_frames", "duration_s")}
    film = video_extent(FILM | numbers, settings["frames"], Span())
    network_s, rest_s = run_seconds([film], settings, VGG19, CORE_GFLOPS)
    asked = network_minutes(film.rows, 224, VGG19, threads=1, gpu=False, attempt=1)
    assert ROOM * network_s / 60 == pytest.approx(asked, rel=1e-3)
    asked = sum(
        number * stage_minutes(stage, film, 1, 2 if strict and stage == "dump_frames" else 1)
        for stage, number in JOBS.items()
    )
    assert ROOM * rest_s / 60 == pytest.approx(asked, rel=1e-3)


def test_decoding_counts_by_coded_frames_and_their_size(settings):
    """172,800 frames of 2.07 megapixels take 11.7 ms each, twice, whatever the step."""
    decoding_s = 2 * 172_800 * (1.3 + 5 * 1.92 * 1.08) / 1000
    film = video_extent(FILM, settings["frames"], Span())
    assert film.rows == 43_200
    assert decoding_s < run_seconds([film], settings, VGG19, CORE_GFLOPS)[1] < 1.15 * decoding_s
    videos = {"a": Video("a", "/a.mp4", "a", None, None, None, None)}
    network = asked_network(settings["network"])
    said = describe_time(videos, {"a": FILM}, settings, network)
    assert said == (
        "about 5.3 h on the 1 processor cores of this machine (rule of thumb), 4.1 h of it for "
        "vgg19 at 224 pixels, which a GPU makes far faster"
    )
    assert f"  {said}" in describe_costs(videos, {"a": FILM}, settings, network)


def test_jobs_that_go_on_at_a_time_share_the_time(settings, monkeypatch):
    film = video_extent(FILM, settings["frames"], Span())
    alone = run_seconds([film], settings, VGG19, CORE_GFLOPS)[1]
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert run_seconds([film], settings, VGG19, CORE_GFLOPS)[1] == pytest.approx(alone / 2)
    assert run_seconds([film] * 16, settings, VGG19, CORE_GFLOPS)[1] == pytest.approx(2 * alone)
