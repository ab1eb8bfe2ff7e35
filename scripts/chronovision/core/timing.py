"""Intervals, durations and rates of series of frame times."""

from collections.abc import Iterator

import numpy as np

#: Largest relative difference from the median of intervals that belong to the regular rate.
REGULAR = 0.1
#: Seconds that a regular interval may differ by beyond `REGULAR` times the median, since some
#: containers round times to milliseconds.
ROUNDING_S = 0.001
#: Least number of intervals of each kind in a stretch that is compared with a line: intervals of
#: two kinds belong to one rate on a coarser clock if the times follow a line.
TURNS = 12
#: Largest range of the distances of these times from the line, in ticks; one tick is for rounding
#: to the clock.
STRAIGHT = 1.25
#: Least share of the stretches that follow a line. At the edits of a film it may break.
STRAIGHT_SHARE = 0.9


def median_interval(time_s: np.ndarray) -> float:
    """Return the median time from frame to frame, in seconds.

    Parameters
    ----------
    time_s : (n,) float64 array
        Increasing times of at least two frames, in seconds.

    Returns
    -------
    float

    Examples
    --------
    >>> median_interval(np.array([0.0, 0.5, 1.0, 2.5]))
    0.5
    """
    return float(np.median(np.diff(time_s)))


def nominal_interval(time_s: np.ndarray) -> float:
    """Return the interval of the regular frame rate, in seconds, without gaps and rounding.

    It is the mean of the intervals that lie within 10 % + 1 ms of the median. Times rounded to
    milliseconds have a median of 33 ms at 29.97 frames/s, which is 1 % off. A frame rate on a
    coarser clock alternates between k and k + 1 ticks (24 frames/s at 60 Hz: 2 and 3). Then the
    interval is the slope of the line that the times follow.

    Parameters
    ----------
    time_s : (n,) float64 array
        Increasing times of at least two frames, in seconds.

    Returns
    -------
    float

    Examples
    --------
    >>> round(nominal_interval(np.array([0.0, 0.033, 0.067, 0.1, 5.0])), 6)
    0.033333
    """
    intervals = np.diff(time_s)
    regular = _is_regular(intervals)
    shared = _shared_interval(time_s, regular)
    return float(np.mean(intervals[regular])) if shared is None else shared


def has_variable_rate(time_s: np.ndarray) -> bool:
    """Tell whether any interval departs from the median one by more than 10 % + 1 ms.

    Parameters
    ----------
    time_s : (n,) float64 array
        Increasing times of at least two frames, in seconds.

    Returns
    -------
    bool

    Examples
    --------
    >>> has_variable_rate(np.array([0.0, 0.04, 0.08, 0.12]))
    False
    >>> has_variable_rate(np.array([0.0, 0.04, 0.08, 0.24]))
    True
    """
    return not bool(np.all(_is_regular(np.diff(time_s))))


def _is_regular(intervals: np.ndarray) -> np.ndarray:
    """Tell which intervals lie within 10 % + 1 ms of their median; the median always does."""
    # Of an even number the lower middle one: the mean of both may be near none of them.
    middle = np.quantile(intervals, 0.5, method="lower")
    return np.abs(intervals - middle) <= REGULAR * middle + ROUNDING_S


def _shared_interval(time_s: np.ndarray, regular: np.ndarray) -> float | None:
    """Return the interval of a rate whose frames alternate between two intervals, or None.

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
    """Yield successive stretches of frames with at least `TURNS` intervals of each of two kinds."""
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
    """Return how long the frames at `time_s` are on screen, in seconds.

    t[last] − t[first] + median interval: the last frame lasts as long as a typical one.

    Parameters
    ----------
    time_s : (n,) float64 array
        Increasing times of at least two frames, in seconds.

    Returns
    -------
    float

    Examples
    --------
    >>> span_duration(np.array([1.0, 1.5, 2.0]))
    1.5
    """
    return float(time_s[-1] - time_s[0] + median_interval(time_s))


def time_span(time_s: np.ndarray) -> tuple[float, float]:
    """Return the start and the end of a series of frames, in seconds.

    Parameters
    ----------
    time_s : (n,) float64 array
        Increasing times of at least two frames, in seconds.

    Returns
    -------
    (float, float)
        t[first], and t[last] + median interval.

    Examples
    --------
    >>> time_span(np.array([1.0, 1.5, 2.0]))
    (1.0, 2.5)
    """
    return float(time_s[0]), float(time_s[-1] + median_interval(time_s))
