"""Resource requests follow the extent of the video, and grow with each attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronovision.jobs.costs import (
    CORE_GFLOPS,
    COSTS,
    DECODING_MS,
    GFLOP,
    Extent,
    known_gflop,
    network_seconds,
    piece_rows,
    stage_seconds,
    unprobed_extent,
    video_extent,
)
from chronovision.jobs.resources import (
    LEAST_MIN,
    SNAKEMAKE_MB,
    network_mb,
    network_minutes,
    network_threads,
    set_mb,
    set_minutes,
    stage_mb,
    stage_minutes,
)
from chronovision.videos.span import Span

INFO = {"bytes": 10**7, "n_frames": 1500, "duration_s": 60.0, "width": 1280, "height": 720}
INFO |= {"frame_rate": 25.0, "vfr": False}
FRAMES = {"every": 1, "step_s": None, "fps": None}
WHOLE = Span()


def test_the_extent_of_a_video():
    whole = video_extent(INFO, FRAMES, Span())
    assert whole == Extent(10**7, frames=1500, megapixels=0.9216, rows=1500, duration_s=60.0)
    # What lies before the start must be decoded, what lies behind the end need not.
    assert video_extent(INFO, FRAMES, Span(10.0, 40.0)) == whole._replace(
        frames=1000, rows=750, duration_s=30
    )
    assert video_extent(INFO, FRAMES | {"every": 5}, Span()).rows == 300
    assert video_extent(INFO, FRAMES | {"step_s": 0.19}, Span()).rows == 300
    assert video_extent(INFO, FRAMES | {"fps": 10}, Span(None, 200.0)).rows == 600


def test_before_a_video_is_probed_the_least_is_asked():
    for stage in COSTS:
        assert stage_minutes(stage, Extent(), attempt=1) == LEAST_MIN
    assert network_threads(0) == 2


@pytest.mark.parametrize("stage", ["dump_frames", "describe_frames", "plot_video"])
def test_a_film_of_two_hours_asks_for_more_time_and_the_same_memory(stage):
    film = Extent(10**10, 180_000, 2.0736, 180_000, 7200.0)
    assert stage_minutes(stage, film, attempt=1) > LEAST_MIN or stage == "plot_video"
    assert stage_minutes(stage, film, attempt=2) == 2 * stage_minutes(stage, film, attempt=1)
    twice = stage_minutes(stage, film, attempt=1, decodings=2)
    assert (twice > stage_minutes(stage, film, attempt=1)) == COSTS[stage].decodes
    assert stage_mb(stage, attempt=3) == 3 * stage_mb(stage, attempt=1)


def test_the_network():
    """Ten minutes at 24 frames/s on 8 threads: 0.34 s of a core for each, and 1.4 times that."""
    vgg19 = 39.02  # up to pool5
    assert network_minutes(14_400, 224, vgg19, 8, gpu=False, attempt=1) == 15
    assert network_minutes(14_400, 112, vgg19, 8, gpu=False, attempt=1) == LEAST_MIN
    assert network_minutes(14_400, 224, vgg19, 8, gpu=True, attempt=1) == LEAST_MIN
    assert network_mb(80_000_000, gpu=False, attempt=1) < network_mb(575_000_000, False, 1)
    assert network_mb(0, gpu=True, attempt=1) > network_mb(0, gpu=False, attempt=1)
    assert [network_threads(rows) for rows in (50, 1000, 2001, 10**6)] == [2, 2, 5, 8]


def test_other_networks_ask_by_their_operations():
    """Of VGG19's operations AlexNet has 1/28, ViT-L/16 3.1 times as many; a film of two hours."""
    film = 7200 * 24
    minutes = {
        model: network_minutes(film, 224, known_gflop(model), 8, gpu=False, attempt=1)
        for model in ("vgg19", "alexnet", "vit_l_16")
    }
    assert minutes["vgg19"] / 28 < minutes["alexnet"] < minutes["vgg19"] / 20
    assert 3.0 < minutes["vit_l_16"] / minutes["vgg19"] < 3.2
    assert known_gflop("vgg91") == max(GFLOP.values())


@pytest.mark.parametrize(
    ("model", "gflop", "seconds"),
    [
        *(("vgg19", 39.02, 0.357), ("alexnet", 1.428, 0.0126), ("resnet50", 8.17, 0.0754)),
        *(("densenet121", 5.67, 0.0503), ("swin_t", 8.98, 0.0901)),
        ("mobilenet_v3_large", 0.433, 0.0025),
    ],
)
def test_a_network_s_time_is_what_was_measured_on_one_core(model, gflop, seconds):
    """CPU time per frame of `extract_features` in float32 on one thread, of 80 to 200 frames."""
    assert seconds < 1.4 * network_seconds(1, 224, gflop, CORE_GFLOPS) < 3 * seconds


def test_a_large_file_takes_its_time_before_it_is_probed():
    """100 GB at 100 MB/s, and 1.4 times that."""
    assert stage_minutes("probe_video", Extent(size=10**11), attempt=1) == 24


def test_a_file_that_may_be_decoded_to_be_probed_asks_for_it(tmp_path):
    """A film of two hours in 700 MB, 180,000 frames of 0.3 megapixels: 2.8 ms each."""
    paths = [tmp_path / name for name in ("film.AVI", "film.mp4", "film.mpg", "film.ts")]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(700_000_000)
    asked = [stage_minutes("probe_video", unprobed_extent(path), attempt=1) for path in paths]
    decoding_min = 180_000 * (DECODING_MS[0] + DECODING_MS[1] * 0.3) / 60_000
    assert asked[0] == asked[2] > decoding_min > asked[1] == asked[3] == LEAST_MIN


@pytest.mark.parametrize(
    ("ending", "least", "most"),
    [("mxf", 24, 24), ("m2ts", 24, 24), ("TS", 24, 24), ("webm", 200, 500), ("mpg", 1500, 1600)],
)
def test_a_very_large_file_asks_for_days_only_if_it_may_be_decoded(tmp_path, ending, least, most):
    """Of 100 GB; a VP8 film takes a few minutes per GB."""
    with (tmp_path / f"film.{ending}").open("wb") as file:
        file.truncate(10**11)
    extent = unprobed_extent(tmp_path / f"film.{ending}")
    assert least <= stage_minutes("probe_video", extent, attempt=1) <= most


def test_a_file_that_is_not_there_asks_for_nothing(tmp_path):
    assert unprobed_extent(tmp_path / "none.avi") == Extent()


def test_a_film_that_was_decoded_to_be_probed_takes_what_its_frames_do():
    """Two hours of DVD in 4 GB, 180,000 frames at 3.4 ms: not what so many bytes may be."""
    film = INFO | {"bytes": 4 * 10**9, "n_frames": 180_000, "duration_s": 7200.0}
    film |= {"width": 720, "height": 576}
    seconds = {
        times: stage_seconds("probe_video", video_extent(film | {"times": times}, FRAMES, WHOLE))
        for times in ("packets", "decoded")
    }
    assert seconds["packets"] == 41
    assert seconds["decoded"] - seconds["packets"] == pytest.approx(180 * (1.3 + 5 * 0.41472))


def test_pieces_ask_for_the_longest_of_them():
    film = Extent(rows=15_120, duration_s=630.0)
    assert piece_rows(film, minutes=10) == 14_400
    assert piece_rows(film, minutes=20) == film.rows
    assert piece_rows(Extent(), minutes=10) == 0


@given(st.integers(0, 10**8), st.integers(0, 10**6), st.integers(1, 3))
def test_the_set(rows, clips, attempt):
    asked = set_mb(rows, clips, attempt), set_minutes(rows, clips, attempt)
    assert set_mb(rows + 10**6, clips, attempt) > asked[0]
    assert set_minutes(rows, clips + 10**5, attempt) > asked[1] >= LEAST_MIN * attempt


#: What was measured (benchmarks/README.md): of 33 videos of 5 minutes, 4,290 clips.
MEASURED_SET = {"mb": 265, "s": 19.0, "rows": 33 * 9000, "clips": 4290}


def test_the_set_asks_for_what_was_measured_and_not_for_twice_that():
    rows, clips = MEASURED_SET["rows"], MEASURED_SET["clips"]
    used = MEASURED_SET["mb"] + SNAKEMAKE_MB
    assert used < set_mb(rows, clips, attempt=1) < 2 * used
    assert MEASURED_SET["s"] / 60 < set_minutes(rows, clips, attempt=1)


#: Stage -> megapixels -> least and most milliseconds for a frame on one core: H.264 made by
#: benchmarks/material.py at 24 and 12 frames/s; frames further apart take longer.
MEASURED_DECODING = {
    "dump_frames": {0.9216: (5.9, 6.9), 0.2304: (2.7, 2.7)},
    "describe_frames": {0.9216: (6.2, 7.9), 0.2304: (3.1, 3.1)},
}


@pytest.mark.parametrize("stage", MEASURED_DECODING)
def test_decoding_asks_for_what_was_measured_and_not_for_twice_that(stage):
    for megapixels, milliseconds in MEASURED_DECODING[stage].items():
        film = Extent(frames=200_000, megapixels=megapixels, rows=200_000, duration_s=8000.0)
        least, most = (film.frames * one / 1000 / 60 for one in milliseconds)
        assert least > LEAST_MIN
        assert most < stage_minutes(stage, film, attempt=1) < 2 * least
