"""What the survey says of clips and of what stands against a fit; facts are made up."""

import copy
from fractions import Fraction

import numpy as np
import pytest
import yaml

from chronovision.duration.clip_design import Footage, plan_clips
from chronovision.duration.sampling import sample_clips
from chronovision.survey.fit import describe_fit
from chronovision.videos.table import Video
from support.paths import PROJECT

CONFIG = yaml.safe_load(PROJECT.joinpath("config/config.yaml").read_text())


def said(tmp_path, groups=None, same=(), **lengths_s):
    """The lines on films of these lengths, at 25 frames/s; those in `same` are one file."""
    config = copy.deepcopy(CONFIG)
    for key in ("min_video_s", "durations_s", "mode", "estimators", "snapshots"):
        if key in lengths_s:
            config["duration" if key == "estimators" else "clips"][key] = lengths_s.pop(key)
    videos, facts = {}, {}
    for name, seconds in lengths_s.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(b"one" if name in same else name.encode())
        group = (groups or {}).get(name, name)
        videos[name] = Video(name, str(path), group, None, None, None, None)
        frames = round(seconds * 25)
        facts[name] = {"duration_s": frames / 25, "n_frames": frames, "frame_rate": 25.0}
        facts[name] |= {"median_interval_s": 0.04, "vfr": False}
        facts[name] |= {"bytes": 10**6, "width": 320, "height": 240}
    return "\n".join(describe_fit(videos, facts, config))


def test_nothing_stands_against_a_set_of_long_films(tmp_path):
    assert (
        said(tmp_path, a=300, b=200, c=128) == "  clips of 1 to 64 s (13 durations) from 3 videos"
    )
    assert said(tmp_path, a=300, estimators=[]) == ""


def test_every_obstacle_is_said_with_what_helps(tmp_path):
    two = said(tmp_path, a=300, b=300)
    assert "form 2 groups, and fewer than 3" in two and "To have it: add videos" in two
    one_file = said(tmp_path, same=("a", "c"), a=300, b=300, c=300, d=300)
    assert "videos a and c are the same file in different groups" in one_file
    grouped = {"a": "film", "c": "film"}
    assert "WARNING" not in said(tmp_path, grouped, ("a", "c"), a=300, b=300, c=300, d=300)
    tiny = said(tmp_path, a=300, b=300, c=0.08)
    assert "no clip duration fits, as" in tiny and "c lasts 0.08 s" in tiny
    one = said(tmp_path, a=300, b=300, c=2.4)
    assert "all clips have the same duration (1 s)" in one
    assert "clips of 1 s (1 duration) from 3 videos" in one
    all_three = said(tmp_path, same=("a", "b"), a=300, b=0.08)
    assert all_three.count("WITHOUT the fit") == 3


def test_snapshots_are_durations_of_their_own(tmp_path):
    """But for clips of two frames, which have none."""
    films = {"a": 300, "b": 300, "c": 300}
    assert "same duration (4 s)" in said(tmp_path, durations_s=[4], **films)
    assert "WARNING" not in said(tmp_path, durations_s=[4], snapshots=3, **films)
    assert "same duration (0.08 s)" in said(tmp_path, durations_s=[0.08], snapshots=3, **films)


def test_a_least_length_is_proposed_where_it_gives_more_clips(tmp_path):
    """The proposal, followed, gives what it promises."""
    films = {"a": 300, "b": 200, "c": 130, "d": 20, "tiny": 3.2}
    lines = said(tmp_path, **films)
    assert "left out of the clips: clips of 2, 3, 4, 6, 8," in lines and "(tiny, 3.2 s)" in lines
    (least,) = [line.split()[1] for line in lines.splitlines() if "clips.min_video_s:" in line]
    followed = {**CONFIG["clips"], "min_video_s": float(least)}
    times = {name: np.arange(25 * seconds) / 25 for name, seconds in films.items()}
    footage = {name: Footage.of(time_s) for name, time_s in times.items()}
    totals = []
    for settings in (CONFIG["clips"], followed):
        design = plan_clips(footage, settings)
        clips = sample_clips(times, design, settings, 0)
        totals.append(sum(clip.n_frames for clip in clips) / 25)
    assert f"{totals[1]:.0f} s together instead of {totals[0]:.0f} s" in lines
    again = said(tmp_path, min_video_s=float(least), **films)
    assert "clips of 1 to 64 s (13 durations) from 3 videos" in again
    assert "videos shorter than clips.min_video_s, d (20 s), tiny (3.2 s)" in again
    assert "WARNING" not in again and "would take" not in again


def test_no_least_length_is_proposed_that_leaves_too_few_groups(tmp_path):
    assert "clips.min_video_s:" not in said(tmp_path, a=300, b=300, c=10)
    grouped = {"a": "one", "b": "one", "c": "two"}
    assert "clips.min_video_s:" not in said(tmp_path, grouped, a=300, b=300, c=300, d=10)
    assert "clips.min_video_s:" not in said(tmp_path, mode="partition", a=300, b=300, c=300, d=9)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001)])
def test_the_survey_foretells_the_durations_of_the_fit(tmp_path, rate):
    """Its footage is worked out from facts, that of the fit from the rows' times."""
    for n_frames in (50, 75, 99, 100, 101, 149, 201):
        rows = Footage.of(np.array([float(k / rate) for k in range(n_frames)]))
        video = Video("a", str(tmp_path), "a", None, None, None, None)
        facts = {"duration_s": float(n_frames / rate), "n_frames": n_frames}
        facts |= {"frame_rate": float(rate), "median_interval_s": float(1 / rate), "vfr": False}
        facts |= {"bytes": 10**6, "width": 320, "height": 240}
        design = plan_clips({"a": rows}, CONFIG["clips"])
        lines = describe_fit({"a": video}, {"a": facts}, CONFIG)
        longest = f"{design.durations_s[-1]:g} s"
        assert lines[0].split(" (")[0].endswith(longest), (n_frames, lines[0])
