"""What jobs ask for follows the length of their video, and grows with each attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronovision.resources import (
    COSTS,
    LEAST_MIN,
    Length,
    network_mb,
    network_minutes,
    network_threads,
    set_mb,
    set_minutes,
    stage_mb,
    stage_minutes,
    video_length,
)

INFO = {"n_frames": 1500, "duration_s": 60.0, "width": 1280, "height": 720}
FRAMES = {"every": 1, "fps": None}


def test_the_length_of_a_video():
    whole = video_length(INFO, FRAMES, (None, None))
    assert whole == Length(frames=1500, megapixels=0.9216, rows=1500)
    # What lies before the start must be decoded, what lies behind the end need not.
    assert video_length(INFO, FRAMES, (10.0, 40.0)) == whole._replace(frames=1000, rows=750)
    assert video_length(INFO, {"every": 5, "fps": None}, (None, None)).rows == 300
    assert video_length(INFO, {"every": 1, "fps": 10}, (None, 200.0)).rows == 600


def test_before_a_video_is_probed_the_least_is_asked():
    for stage in COSTS:
        assert stage_minutes(stage, Length(0, 0.0, 0), attempt=1) == LEAST_MIN
    assert network_threads(0) == 2


@pytest.mark.parametrize("stage", ["dump_frames", "describe_frames", "plot_video"])
def test_a_film_of_two_hours_asks_for_more_time_and_the_same_memory(stage):
    film = Length(180_000, 2.0736, 180_000)
    assert stage_minutes(stage, film, attempt=1) > LEAST_MIN or stage == "plot_video"
    assert stage_minutes(stage, film, attempt=2) == 2 * stage_minutes(stage, film, attempt=1)
    assert stage_mb(stage, attempt=3) == 3 * stage_mb(stage, attempt=1)


def test_the_network():
    """Ten minutes at 24 frames/s on 8 threads: 0.34 s of a core for each, and 1.4 times that."""
    assert network_minutes(14_400, 224, 8, gpu=False, attempt=1) == 15
    assert network_minutes(14_400, 112, 8, gpu=False, attempt=1) == LEAST_MIN
    assert network_minutes(14_400, 224, 8, gpu=True, attempt=1) == LEAST_MIN
    assert network_mb(80_000_000, gpu=False, attempt=1) < network_mb(575_000_000, False, 1)
    assert network_mb(0, gpu=True, attempt=1) > network_mb(0, gpu=False, attempt=1)
    assert [network_threads(rows) for rows in (50, 1000, 2001, 10**6)] == [2, 2, 5, 8]


@given(st.integers(1, 5000), st.integers(1, 3))
def test_the_set(videos, attempt):
    assert set_mb(videos + 100, attempt) > set_mb(videos, attempt)
    assert set_minutes(videos, attempt) >= LEAST_MIN * attempt
