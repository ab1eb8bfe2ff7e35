"""Selection of the analysed frames: every nth frame, or a resampled rate, and their times."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from chronovision.errors import UserError
from chronovision.videos.span import Span

#: Largest relative difference between the mean rate and the regular rate of a steady stream.
STEADY = 0.01
#: Longest time that resampling shows one frame, in seconds. Beyond it the times are broken.
LONGEST_HOLD_S = 600


@dataclass
class Frame:
    """One decoded frame: index in the stream, time, key flag, RGB picture."""

    index: int
    time: Fraction
    key: bool
    rgb: np.ndarray


@dataclass
class Row:
    """One row of the analysed series; `time_s` counts from the first row."""

    source_frame: int
    time_s: float
    key_frame: bool
    repeated: bool
    rgb: np.ndarray


def within(frames: Iterable[Frame], span: Span) -> Iterator[Frame]:
    """Yield the frames with start_s ≤ t < end_s, t counted from the stream's first frame."""
    first = None
    for frame in frames:
        first = frame.time if first is None else first
        time = frame.time - first
        if span.end_s is not None and time >= Fraction(str(span.end_s)):
            return
        if span.start_s is None or time >= Fraction(str(span.start_s)):
            yield frame


def every_nth(frames: Iterable[Frame], every: int) -> Iterator[Row]:
    """Yield rows from the frames 0, every, 2·every, … at their own times."""
    start, key = None, False
    for position, frame in enumerate(frames):
        start = frame.time if start is None else start
        key = key or frame.key
        if position % every == 0:
            yield Row(frame.index, float(frame.time - start), key, False, frame.rgb)
            key = False


def step_frames(step_s: float, interval_s: float) -> int:
    """Return how many source frames a step of about `step_s` takes, at least one.

    It is max(1, ⌊step_s / interval_s + 1/2⌋). The quotient is rounded to six digits before, so that
    noise in the interval does not decide a tie.

    Parameters
    ----------
    step_s : float
        Wanted step in seconds, above 0.
    interval_s : float
        Interval from frame to frame in seconds, above 0.

    Returns
    -------
    int

    Examples
    --------
    >>> step_frames(0.2, 1 / 25), step_frames(0.01, 1 / 25)
    (5, 1)
    """
    return max(1, math.floor(round(step_s / interval_s, 6) + 0.5))


def source_interval(info: Mapping) -> float:
    """Return the regular interval of a probed video in seconds, or the median if the rate varies.

    Two intervals in turn, as in a film on a screen's clock, vary, yet they have a rate: the mean
    rate of the frames.
    """
    if info["vfr"]:
        mean = info["duration_s"] / info["n_frames"]
        if abs(mean * info["frame_rate"] - 1) > STEADY:
            return info["median_interval_s"]
    return 1 / info["frame_rate"]


def frames_per_row(info: Mapping, frames: Mapping) -> int:
    """Return the source frames from one analysed row to the next, if the config does not resample.

    With ``step_s`` it is the number that comes nearest to that time, see `source_interval`. All
    steps of a video have the same number.

    Parameters
    ----------
    info : mapping
        Contents of ``videos/{video}.json``.
    frames : mapping
        The config's ``frames``. Old records lack ``step_s``.
    """
    if not frames.get("step_s"):
        return frames["every"]
    return step_frames(frames["step_s"], source_interval(info))


def resample(frames: Iterable[Frame], fps: float) -> Iterator[Row]:
    """Yield rows at a steady rate: tick k, at k/fps, shows the last frame due by then.

    A frame is due at the tick next to its time, and half a tick is rounded up. So times that the
    container has rounded neither skip nor repeat frames. The last frame lasts a median interval,
    which makes round(duration · fps) rows, at least one. Ticks that show the frame of the tick
    before are flagged `repeated`.

    Raises
    ------
    UserError
        A frame would be held for more than `LONGEST_HOLD_S`.
    """
    rate = Fraction(str(fps))
    held: Frame | None = None
    start, tick, key, times = Fraction(0), 0, False, []
    for frame in frames:
        start = start if held else frame.time
        due = int((frame.time - start) * rate + Fraction(1, 2))
        if held and due > tick:
            if (due - tick) / rate > LONGEST_HOLD_S:
                raise UserError(
                    f"the timestamps jump by {float((due - tick) / rate):.0f} s at frame "
                    f"{frame.index}, which frames.fps = {fps} would fill with copies: use "
                    "a part of it (start_s, end_s), or set frames.fps: null"
                )
            yield from _hold(held, range(tick, due), rate, key)
            tick, key = due, False
        held, key = frame, key or frame.key
        times.append(float(frame.time - start))
    if held:
        interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        end = int((held.time - start + Fraction(interval)) * rate + Fraction(1, 2))
        yield from _hold(held, range(tick, max(end, 1)), rate, key)


def _hold(frame: Frame, ticks: range, rate: Fraction, key: bool) -> Iterator[Row]:
    for tick in ticks:
        new = tick == ticks[0]
        yield Row(frame.index, float(tick / rate), key and new, not new, frame.rgb)


def expected_rows(info: Mapping, frames: Mapping, span: Span) -> int:
    """Return about how many rows the analysed series of a probed video will have."""
    duration_s = span.duration_s(info["duration_s"])
    if frames["fps"]:
        return round(duration_s * frames["fps"])
    coded = duration_s * info["n_frames"] / info["duration_s"]
    return math.ceil(round(coded, 6) / frames_per_row(info, frames))
