"""Intervals, durations and rates of series of frame times."""

from collections.abc import Iterator

import numpy as np

#: Intervals this close to the median, relatively, belong to the regular rate …
REGULAR = 0.1
#: … or this close in seconds: some containers round times to milliseconds.
ROUNDING_S = 0.001
#: Intervals of two kinds are one rate on a coarser clock if, in stretches with so many of either, …
TURNS = 12
#: … the times stay this close to a line, in ticks, of which one is for rounding to the clock …
STRAIGHT = 1.25
#: … in this share of the stretches: at the edits of a film the line may break.
STRAIGHT_SHARE = 0.9


def median_interval(time_s: np.ndarray) -> float:
    """Median time from frame to frame, in seconds, of (n ≥ 2,) increasing `time_s`."""
    return float(np.median(np.diff(time_s)))


def nominal_interval(time_s: np.ndarray) -> float:
    """Interval of the regular frame rate, in seconds: gaps left out, rounding averaged out.

    Mean of the intervals that lie within 10 % + 1 ms of the median. Times rounded to
    milliseconds have a median of 33 ms at 29.97 frames/s, which is 1 % off. A rate on a clock of
    which it is no whole part has intervals of k and k + 1 ticks in turn (24 frames/s at 60 Hz: 2
    and 3): then the slope of the line that their times follow.
    """
    intervals = np.diff(time_s)
    regular = _is_regular(intervals)
    shared = _shared_interval(time_s, regular)
    return float(np.mean(intervals[regular])) if shared is None else shared


def has_variable_rate(time_s: np.ndarray) -> bool:
    """Whether any interval departs from the regular one by more than 10 % + 1 ms."""
    return not bool(np.all(_is_regular(np.diff(time_s))))


def _is_regular(intervals: np.ndarray) -> np.ndarray:
    """Which intervals lie within 10 % + 1 ms of their median: one at least, that itself."""
    # Of an even number the lower middle one: the mean of both may be near none of them.
    middle = np.quantile(intervals, 0.5, method="lower")
    return np.abs(intervals - middle) <= REGULAR * middle + ROUNDING_S


def _shared_interval(time_s: np.ndarray, regular: np.ndarray) -> float | None:
    """Interval of the rate whose frames have `regular` intervals and others in turn, or None.

    Times of a steady rate on a coarser clock have intervals of k and k + 1 ticks, and stay within a
    tick of a line. Where the rate changes, or frames are dropped at random, they soon leave it.
    """
    intervals = np.diff(time_s)
    if np.sum(~regular) < TURNS:
        return None
    other = np.quantile(intervals[~regular], 0.5, method="lower")
    others = ~regular & (np.abs(intervals - other) <= REGULAR * other + ROUNDING_S)
    usual, other = np.mean(intervals[regular]), np.mean(intervals[others])
    tick = abs(other - usual)
    k = min(usual, other) / tick
    if round(k) < 1 or abs(k - round(k)) > REGULAR:
        return None
    # Other intervals are gaps, in which the clock goes on.
    gaps, steady = ~(regular | others), np.mean(intervals[regular | others])
    frame = np.cumsum([0, *np.where(gaps, np.maximum(np.round(intervals / steady), 1), 1)])
    slopes, straight = [], []
    for part in _stretches(regular, others):
        line = np.polyfit(frame[part], time_s[part], 1)
        away = time_s[part] - np.polyval(line, frame[part])
        slopes.append(line[0])
        straight.append(np.ptp(away) <= STRAIGHT * tick + ROUNDING_S)
    if not straight or np.mean(straight) < STRAIGHT_SHARE:
        return None
    return float(np.mean(np.array(slopes)[straight]))


def _stretches(first: np.ndarray, second: np.ndarray) -> Iterator[slice]:
    """Frames of successive stretches whose intervals are `TURNS` times, or more, of either kind."""
    counts = [np.cumsum(kind) for kind in (first, second)]
    start, before = 0, [0, 0]
    while start < len(first):
        end = 1 + max(
            int(np.searchsorted(count, had + TURNS))
            for count, had in zip(counts, before, strict=True)
        )
        if end > len(first):
            return
        yield slice(start, end + 1)
        start, before = end, [int(count[end - 1]) for count in counts]


def span_duration(time_s: np.ndarray) -> float:
    """How long the frames at `time_s` are on screen, in seconds.

    t[last] − t[first] + median interval, the last frame lasting as long as a typical one.
    """
    return float(time_s[-1] - time_s[0] + median_interval(time_s))


def time_span(time_s: np.ndarray) -> tuple[float, float]:
    """Start and end of a series of frames in seconds; the last frame lasts a median interval."""
    return float(time_s[0]), float(time_s[-1] + median_interval(time_s))
