"""Intervals, durations and rates of series of frame times."""

import numpy as np

#: Intervals this close to the median, relatively, belong to the regular rate …
REGULAR = 0.1
#: … or this close in seconds: some containers round times to milliseconds.
ROUNDING_S = 0.001
#: Change per frame depends on the rate: rates that differ by more than this, relatively, cannot be
#: compared.
RATE_TOLERANCE = 0.01
#: Steps of whole numbers of frames come no nearer to each other than this: 24 and 25 frames/s are
#: 4.17 % apart at every step up to 1/6 s.
STEP_TOLERANCE = 0.05


def rate_tolerance(step_s: float | None) -> float:
    """How far steps from row to row may differ in a set, relatively, if its counts are compared.

    More where the config's ``frames.step_s`` asked for steps as even as whole frames make them.
    """
    return STEP_TOLERANCE if step_s else RATE_TOLERANCE


def median_interval(time_s: np.ndarray) -> float:
    """Median time from frame to frame, in seconds, of (n ≥ 2,) increasing `time_s`."""
    return float(np.median(np.diff(time_s)))


def nominal_interval(time_s: np.ndarray) -> float:
    """Interval of the regular frame rate, in seconds: gaps left out, rounding averaged out.

    Mean of the intervals that lie within 10 % + 1 ms of the median. Times rounded to
    milliseconds have a median of 33 ms at 29.97 frames/s, which is 1 % off.
    """
    intervals = np.diff(time_s)
    return float(np.mean(intervals[_is_regular(intervals)]))


def has_variable_rate(time_s: np.ndarray) -> bool:
    """Whether any interval departs from the regular one by more than 10 % + 1 ms."""
    return not bool(np.all(_is_regular(np.diff(time_s))))


def _is_regular(intervals: np.ndarray) -> np.ndarray:
    """Which intervals lie within 10 % + 1 ms of their median: one at least, that itself."""
    # Of an even number the lower middle one: the mean of both may be near none of them.
    middle = np.quantile(intervals, 0.5, method="lower")
    return np.abs(intervals - middle) <= REGULAR * middle + ROUNDING_S


def span_duration(time_s: np.ndarray) -> float:
    """How long the frames at `time_s` are on screen, in seconds.

    t[last] − t[first] + median interval, the last frame lasting as long as a typical one.
    """
    return float(time_s[-1] - time_s[0] + median_interval(time_s))
