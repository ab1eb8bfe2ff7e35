"""Selection of frames against brute force: every nth, part of a video, resampling."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronovision.core.prose import written_step
from chronovision.errors import UserError
from chronovision.videos.selection import (
    Frame,
    every_nth,
    expected_rows,
    frames_per_row,
    resample,
    step_frames,
    within,
)
from chronovision.videos.span import Span

PICTURE = np.zeros((1, 1, 3), np.uint8)
RATES = st.sampled_from(["8", "12.5", "24000/1001", "24", "25", "30000/1001", "30", "50", "60"])


def made_frames(times, keys=()):
    picture = np.zeros((1, 1, 3), np.uint8)
    return [Frame(n, Fraction(time), n in keys, picture) for n, time in enumerate(times)]


def steady(rate, n, start=0):
    return [start + Fraction(k) / Fraction(rate) for k in range(n)]


@st.composite
def series(draw):
    """Frames at growing times of milliseconds, some of them key frames."""
    steps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=40))
    start = draw(st.integers(0, 5000))
    times = [Fraction(start + sum(steps[:k]), 1000) for k in range(len(steps) + 1)]
    return made_frames(times, draw(st.sets(st.integers(0, len(steps)))))


def assert_keys(rows, frames):
    """A row's key flag: a key frame lies after the previous kept frame up to this one."""
    previous = -1
    for row in rows:
        between = [frame.key for frame in frames[previous + 1 : row.source_frame + 1]]
        assert row.key_frame == any(between)
        previous = row.source_frame


@settings(deadline=None)
@given(series(), st.integers(1, 9))
def test_every_nth(frames, every):
    rows = list(every_nth(iter(frames), every))
    kept = frames[::every]
    assert [row.source_frame for row in rows] == [frame.index for frame in kept]
    assert [row.time_s for row in rows] == [float(f.time - frames[0].time) for f in kept]
    assert not any(row.repeated for row in rows)
    assert_keys(rows, frames)


@settings(deadline=None)
@given(
    series(), st.sampled_from([None, 0.0, 0.1, 0.25, 1.0]), st.sampled_from([None, 0.1, 0.5, 3.0])
)
def test_within(frames, start_s, end_s):
    first = frames[0].time
    low = Fraction(0) if start_s is None else Fraction(str(start_s))
    high = math.inf if end_s is None else Fraction(str(end_s))
    expected = [frame.index for frame in frames if low <= frame.time - first < high]
    assert [frame.index for frame in within(iter(frames), Span(start_s, end_s))] == expected


def test_time_counts_from_the_first_kept_frame():
    rows = list(every_nth(within(made_frames(steady("10", 30, 5)), Span(1.0, 2.0)), 2))
    assert [row.source_frame for row in rows] == [10, 12, 14, 16, 18]
    assert [row.time_s for row in rows] == [0, 0.2, 0.4, 0.6, 0.8]


@settings(deadline=None)
@given(series(), st.sampled_from([1, 8, 12.5, 23.976, 24, 25, 29.97, 30, 60]))
def test_resampling_against_brute_force(frames, fps):
    """Tick k shows the last frame that is due by then; nothing is shown after the end."""
    rate, start = Fraction(str(fps)), frames[0].time
    times = [frame.time - start for frame in frames]
    due = [math.floor(time * rate + Fraction(1, 2)) for time in times]
    hold = Fraction(float(np.median(np.diff([float(time) for time in times]))))
    n = max(math.floor((times[-1] + hold) * rate + Fraction(1, 2)), 1)
    shown = [max(i for i, tick in enumerate(due) if tick <= k) for k in range(n)]
    rows = list(resample(iter(frames), fps))
    assert [row.source_frame for row in rows] == shown
    assert [row.time_s for row in rows] == [float(k / rate) for k in range(n)]
    assert [row.repeated for row in rows] == [
        False,
        *(a == b for a, b in zip(shown, shown[1:], strict=False)),
    ]
    assert_keys(rows, frames)


@settings(deadline=None)
@given(RATES, st.integers(2, 200), st.integers(0, 10))
def test_resampling_at_the_same_rate_is_the_identity(rate, n, start):
    fps = float(Fraction(rate))
    rows = list(resample(made_frames(steady(rate, n, start)), fps))
    assert [row.source_frame for row in rows] == list(range(n))
    assert not any(row.repeated for row in rows)
    np.testing.assert_allclose([row.time_s for row in rows], np.arange(n) / fps)


@settings(deadline=None)
@given(RATES, st.integers(3, 200))
def test_the_same_with_times_rounded_to_milliseconds(rate, n):
    times = [Fraction(round(time * 1000), 1000) for time in steady(rate, n)]
    rows = list(resample(made_frames(times), float(Fraction(rate))))
    assert [row.source_frame for row in rows] == list(range(n))


def test_24_to_30_repeats_a_fifth():
    rows = list(resample(made_frames(steady("24", 240)), 30))
    assert len(rows) == 300
    assert sum(row.repeated for row in rows) == 60
    assert {row.source_frame for row in rows} == set(range(240))


def test_upsampling_12_5_to_25_shows_each_frame_twice():
    rows = list(resample(made_frames(steady("12.5", 50), keys={0, 25}), 25))
    assert [row.source_frame for row in rows] == [k // 2 for k in range(100)]
    assert [row.repeated for row in rows] == [False, True] * 50
    assert [k for k, row in enumerate(rows) if row.key_frame] == [0, 50]


def test_downsampling_25_to_12_5_keeps_key_flags():
    rows = list(resample(made_frames(steady("25", 50), keys={0, 25}), 12.5))
    assert len(rows) == 25
    assert sum(row.key_frame for row in rows) == 2
    assert not any(row.repeated for row in rows)


def test_the_last_frame_lasts_a_median_interval():
    """Not until the end of a gap, and not for nothing."""
    times = [*steady("10", 10), Fraction(19, 10)]
    assert len(list(resample(made_frames(times), 10))) == 20
    assert len(list(resample(made_frames(steady("2", 4)), 10))) == 20


def test_a_gap_is_filled_with_the_frame_before():
    times = [time for time in steady("10", 20) if not 0.45 < time < 0.95]
    rows = list(resample(made_frames(times), 10))
    assert [row.source_frame for row in rows] == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, *range(5, 15)]
    assert [k for k, row in enumerate(rows) if row.repeated] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("fps", [0.5, 1, 2, 8, 10, 12.5, 25, 30])
def test_as_many_rows_as_the_duration_holds(fps):
    frames = [Frame(i, Fraction(i, 25), False, PICTURE) for i in range(50)]
    assert len(list(resample(frames, fps))) == max(round(2 * fps), 1)


def test_a_jump_of_the_clock_is_refused():
    times = [*(Fraction(i, 25) for i in range(50)), Fraction(36000)]
    frames = [Frame(i, time, False, PICTURE) for i, time in enumerate(times)]
    with pytest.raises(UserError, match=r"timestamps jump by 35998 s at frame 50"):
        list(resample(frames, 10))


def test_one_frame():
    assert [row.source_frame for row in resample(made_frames([3]), 25)] == [0]
    assert list(resample([], 25)) == [] == list(every_nth([], 2)) == list(within([], Span(1, 2)))


# Steps of about so many seconds


@given(
    st.fractions(Fraction(1, 200), 10, max_denominator=400),
    st.fractions(1, 240, max_denominator=1001),
)
def test_a_step_against_exact_fractions(step_s, rate):
    """The nearest whole number of frames, the larger of two as near; never none."""
    exact = step_s * rate
    tie = exact % 1 == Fraction(1, 2)
    near = min(exact % 1, 1 - exact % 1)
    assume(tie or Fraction(1, 2) - near > Fraction(1, 10**6))
    n = step_frames(float(step_s), float(1 / rate))
    assert n >= 1
    if exact >= Fraction(1, 2):
        assert abs(n - exact) <= Fraction(1, 2)
        assert not tie or n == exact + Fraction(1, 2)
    else:
        assert n == 1


def facts(rate, **others):
    return {"frame_rate": float(Fraction(rate)), "vfr": False, **others}


@pytest.mark.parametrize(
    ("step_s", "rate", "n"),
    [
        (1 / 6, "24", 4),
        (1 / 6, "25", 4),
        (1 / 6, "30000/1001", 5),
        (1 / 6, "12.5", 2),
        (1 / 30, "60000/1001", 2),
        (1 / 30, "25", 1),
        (0.1, "25", 3),  # a tie: 2.5
        (0.001, "25", 1),
    ],
)
def test_frames_per_row(step_s, rate, n):
    settings = {"every": 1, "step_s": step_s, "fps": None}
    assert frames_per_row(facts(rate), settings) == n
    info = facts(rate, n_frames=240, duration_s=float(240 / Fraction(rate)))
    rows = list(every_nth(made_frames(steady(rate, 240)), n))
    assert len({b.source_frame - a.source_frame for a, b in zip(rows, rows[1:], strict=False)}) == 1
    assert len(rows) == expected_rows(info, settings, Span())


def test_where_the_rate_varies_the_median_interval_counts():
    settings = {"every": 1, "step_s": 0.2, "fps": None}
    varies = {"frame_rate": 30.0, "vfr": True, "median_interval_s": 0.05}
    varies |= {"n_frames": 100, "duration_s": 4.5}
    assert frames_per_row(varies, settings) == 4
    assert frames_per_row(varies | {"vfr": False}, settings) == 6


def test_a_film_on_the_clock_of_a_screen_steps_by_its_own_rate():
    """23.976 frames/s as 2 and 3 ticks of 59.94 in turn, whose median is either."""
    settings = {"every": 1, "step_s": 1 / 6, "fps": None}
    film = {"frame_rate": 24000 / 1001, "vfr": True, "n_frames": 240, "duration_s": 10.01}
    for ticks in (2, 3):
        median = {"median_interval_s": ticks * 1001 / 60000}
        assert frames_per_row(film | median, settings) == 4


def test_records_of_before_there_were_steps_are_read():
    assert frames_per_row({}, {"every": 3, "fps": None}) == 3


@pytest.mark.parametrize(
    ("step_s", "text"), [(1 / 6, "1/6"), (0.125, "1/8"), (0.1, "0.1"), (0.16, "0.16"), (2, "2")]
)
def test_steps_are_written_short_and_exact(step_s, text):
    assert written_step(step_s) == text
