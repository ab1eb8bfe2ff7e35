"""Advice on sampling: a step from row to row that is nearly equal in all videos of a set."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from chronovision.core.prose import written_step
from chronovision.core.time_constant import TimeConstant
from chronovision.duration.comparability import RATE_TOLERANCE, STEP_TOLERANCE, rate_tolerance
from chronovision.videos.selection import frames_per_row, source_interval

#: Largest relative difference between the real steps and the wanted one.
NEAR = 0.2
#: Longest step in seconds that is advised if no step is wanted.
LONGEST_S = 1.0
#: Largest relative difference that counts as equal, as of 30 and 29.97 frames/s: between a
#: resampled rate and a whole fraction of the source's, and between a real step and the wanted one.
WHOLE = 0.001
#: Most videos that a line names.
NAMED = 5


class Step(NamedTuple):
    """A value for ``frames.step_s``, and how well the videos keep it.

    Attributes
    ----------
    step_s : float
        Step in seconds.
    spread : float
        Relative difference between the longest and the shortest real step.
    """

    step_s: float
    spread: float

    @property
    def is_even(self) -> bool:
        """Return whether a duration model can be fitted to such steps."""
        return self.spread <= STEP_TOLERANCE


def even_step(intervals_s: Iterable[float], wanted_s: float | None = None) -> Step | None:
    """Find the step near the wanted one whose real duration differs least over all videos.

    Each video takes a whole number of its frames. Of all choices whose real steps lie within 20 %
    of `wanted_s`, the one with the least spread is taken, of equal ones the nearest. It is written
    as a fraction with few digits. By default the shortest step of at most 5 % spread counts as
    wanted.

    Parameters
    ----------
    intervals_s : iterable of float
        Interval from frame to frame of each video, in seconds.
    wanted_s : float, optional
        Wanted step in seconds.

    Returns
    -------
    Step or None
        None if no choice lies near enough, or by default if no step up to `LONGEST_S` is even.
    """
    intervals = np.unique([float(f"{interval:.9g}") for interval in intervals_s])
    if wanted_s is None:
        choices = _choices(intervals, 0, LONGEST_S)
        shortest = next((one for one in choices if one.spread <= STEP_TOLERANCE), None)
        return shortest and even_step(intervals, shortest.step().step_s)
    low, high = wanted_s * (1 - NEAR) * (1 - 1e-6), wanted_s * (1 + NEAR) * (1 + 1e-6)
    # Steps may be asked for that lie farther off than the real ones.
    choices = _choices(intervals, low / 2, 2 * high)
    best = min(
        (one for one in choices if low <= one.shortest and one.longest <= high),
        key=lambda one: (round(one.spread, 6), abs(math.log(one.shortest / wanted_s))),
        default=None,
    )
    return best and best.step(wanted_s)


class _Choice(NamedTuple):
    """A whole number of frames for each video.

    Attributes
    ----------
    start, end : float
        Limits of the wanted steps that give these numbers.
    shortest, longest : float
        Limits of the real steps in seconds.
    """

    start: float
    end: float
    shortest: float
    longest: float

    @property
    def spread(self) -> float:
        return self.longest / self.shortest - 1

    def step(self, wanted_s: float = math.nan) -> Step:
        """Return the wanted step if the real ones are about as long; else a step of few digits."""
        low, high = self._about(0.02)
        step_s: float | Fraction | None = wanted_s if low <= wanted_s <= high else None
        for width in (1e-4, 0.005, 0.02):
            step_s = step_s or _simplest(*self._about(width))
        return Step(float(step_s or (low + high) / 2), self.spread)

    def _about(self, width: float) -> tuple[float, float]:
        """From a little below the shortest real step to a little above the longest."""
        low = max(self.start, min(self.shortest * (1 - width), self.end))
        return low, min(self.end, max(self.longest * (1 + width), self.start))


def _choices(intervals: np.ndarray, low: float, high: float) -> Iterable[_Choice]:
    """Yield every choice that steps between `low` and `high` make, from short to long."""
    most = [math.ceil(high / interval) for interval in intervals]
    ties = [(np.arange(1, n + 1) + 0.5) * i for n, i in zip(most, intervals, strict=True)]
    edges = np.unique([intervals.min() / 2, *np.concatenate(ties)])
    for start, end in zip(edges, edges[1:], strict=False):
        # Off the ties, which rounding may decide either way.
        start, end = float(start) * (1 + 1e-5), float(end) * (1 - 1e-5)
        if start >= end or end < low or start > high:
            continue
        steps_s = intervals * np.maximum(np.floor(((start + end) / 2) / intervals + 0.5), 1)
        yield _Choice(start, end, float(steps_s.min()), float(steps_s.max()))


def _simplest(low: float, high: float) -> Fraction | None:
    """Return the fraction of the least denominator, up to 60, between two positive numbers."""
    for denominator in range(1, 61):
        numerator = math.ceil(low * denominator)
        if numerator and numerator <= high * denominator:
            return Fraction(numerator, denominator)
    return None


def irregular(facts: Mapping[str, Mapping]) -> list[str]:
    """Return the videos whose mean rate is not the regular one, so that no model is fitted."""
    return [
        name
        for name, info in facts.items()
        if abs(info["duration_s"] / info["n_frames"] * info["frame_rate"] - 1) > RATE_TOLERANCE
    ]


def _row_steps(facts: Mapping[str, Mapping], frames: Mapping) -> list[float]:
    """Return the seconds from row to row of each video, if nothing is resampled."""
    return [frames_per_row(info, frames) / info["frame_rate"] for info in facts.values()]


def describe_sampling(facts: Mapping[str, Mapping], config: Mapping, command: str) -> list[str]:
    """Return lines on the steps from row to row, and on how to make uneven steps even.

    Parameters
    ----------
    facts : mapping of str to mapping
        Id -> result of `chronovision.videos.probe.probe`.
    config : mapping
        Config of the run. Its ``frames`` and, for ``tau_frames``, ``thresholds`` are read.
    command : str
        Command that the user typed, to which ``STEP=…`` can be appended.
    """
    if not facts:
        return []
    frames, tau_frames = config["frames"], _tau_frames(config["thresholds"])
    if frames["fps"]:
        told = _describe_resampling(facts, frames["fps"], tau_frames, command)
        return told + _describe_tau([1 / frames["fps"]], tau_frames)
    steps = _row_steps(facts, frames)
    spread = max(steps) / min(steps) - 1
    is_uneven = spread > rate_tolerance(frames["step_s"])
    lines, far = [], []
    if is_uneven:
        lines += [
            f"  WARNING: steps from frame to frame last {min(steps):.4g} to {max(steps):.4g} s, "
            f"{100 * spread:.1f} % apart, and change depends",
            "  on them. This run goes on WITHOUT the fit of durations.",
        ]
    elif frames["step_s"]:
        length = f"{min(steps):.4g} s"
        if spread > 1e-6:
            length = f"{min(steps):.4g} to {max(steps):.4g} s, {100 * spread:.1f} % apart"
        lines.append(
            f"  steps of about {written_step(frames['step_s'])} s: {_kept_frames(facts, frames)}; "
            f"they last {length}"
        )
    if frames["step_s"]:
        lines.append(_describe_departures(facts, frames))
        far = _warn_of_far_steps(facts, frames)
    lines += far + _describe_tau(steps, tau_frames)
    if is_uneven or far:
        lines.append("  " + _advise(facts, _wish(facts, frames), tau_frames, command))
    if names := irregular(facts):
        lines.append(
            f"  WARNING: the frame rate of {_listed(names)} varies or has gaps, by more than 1 %. "
            "This run goes on WITHOUT the fit of durations; to have it, leave them out of the "
            "videos table"
        )
    return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + f" and {len(names) - NAMED} more" * (len(names) > NAMED)


def _kept_frames(facts: Mapping[str, Mapping], frames: Mapping) -> str:
    """Describe which frames are kept: every frame of 1 video, every 2nd frame of 3."""
    counts = Counter(frames_per_row(info, frames) for info in facts.values())
    (least, videos), *others = sorted(counts.items())
    kept = f"{_every(least)} of {videos} video{'s' * (videos > 1)}"
    return ", ".join([kept, *(f"{_every(n)} of {videos}" for n, videos in others)])


def _off(info: Mapping, frames: Mapping) -> float:
    """Return the relative difference between a video's real step and the wanted one."""
    step_s = frames_per_row(info, frames) / info["frame_rate"]
    return round(step_s / frames["step_s"] - 1, 6)


def _with_steps(facts: Mapping[str, Mapping], names: Sequence[str], frames: Mapping) -> str:
    """Return videos and their real steps, in words."""
    steps = dict(zip(facts, _row_steps(facts, frames), strict=True))
    varies = {name: ", varies" if facts[name]["vfr"] else "" for name in names}
    return _listed([f"{name} ({steps[name]:.4g} s{varies[name]})" for name in names])


def _describe_departures(facts: Mapping[str, Mapping], frames: Mapping) -> str:
    """Return a line on which videos keep the wanted step, and which depart from it."""
    step = written_step(frames["step_s"])
    keeps = {n: abs(_off(info, frames)) <= WHOLE and not info["vfr"] for n, info in facts.items()}
    if all(keeps.values()):
        return f"  all keep {step} s within 0.1 %"
    kept, departing = ([n for n in facts if keeps[n] == keeping] for keeping in (True, False))
    return (
        f"  {step} s within 0.1 % is kept by {_listed(kept) if kept else 'none'}; not by "
        f"{_with_steps(facts, departing, frames)}"
    )


def _warn_of_far_steps(facts: Mapping[str, Mapping], frames: Mapping) -> list[str]:
    """Return a warning on videos whose real steps are far from the wanted one."""
    far = [name for name, info in facts.items() if abs(_off(info, frames)) > NEAR]
    if not far:
        return []
    return [
        f"  WARNING: steps are more than 20 % from {written_step(frames['step_s'])} s in "
        f"{_with_steps(facts, far, frames)}: whole frames come no nearer"
    ]


def _tau_frames(thresholds: Mapping) -> float | None:
    """Return the time constant in rows, if the dynamic threshold is computed and has it so."""
    if "dynamic" not in thresholds["kinds"]:
        return None
    tau = TimeConstant.of(thresholds["dynamic"])
    return tau.value if tau.in_frames else None


def _describe_tau(steps: Sequence[float], tau_frames: float | None) -> list[str]:
    return [f"  {_tau(steps, tau_frames)} at these steps"] if tau_frames else []


def _tau(steps: Sequence[float], tau_frames: float) -> str:
    """Describe how long τ is at steps of so many seconds."""
    shortest, longest = (f"{tau_frames * end(steps):.3g}" for end in (min, max))
    tau_s = shortest if shortest == longest else f"{shortest} to {longest}"
    return f"tau_frames: {tau_frames:g} makes τ {tau_s} s"


def _describe_resampling(
    facts: Mapping[str, Mapping], fps: float, tau_frames: float | None, command: str
) -> list[str]:
    """Return lines on videos whose rate is no whole multiple of the resampled one."""
    rates = [info["frame_rate"] for info in facts.values() if not info["vfr"]]
    uneven = [rate for rate in rates if _remainder(rate / fps) > WHOLE]
    if not uneven:
        return []
    listed = ", ".join(sorted({f"{rate:.4g}" for rate in uneven}, key=float))
    return [
        f"  WARNING: {fps:g} frames per second do not go evenly into those of {len(uneven)} "
        f"video{'s' * (len(uneven) > 1)} ({listed}): frames",
        "  stand twice, or steps take 2 frames and 3 in turn and the like, and change is larger "
        "in longer steps.",
        "  " + _advise(facts, 1 / fps, tau_frames, command),
    ]


def _remainder(ratio: float) -> float:
    """Return the relative difference between a number above 0 and a whole one, of at least 1."""
    return round(abs(ratio / max(round(ratio), 1) - 1), 6)


def _wish(facts: Mapping[str, Mapping], frames: Mapping) -> float | None:
    """Return the step that the config asks for, if it does not take every frame."""
    if frames["every"] > 1:
        return max(_row_steps(facts, frames))
    return frames["step_s"]


def _advise(
    facts: Mapping[str, Mapping], wanted_s: float | None, tau_frames: float | None, command: str
) -> str:
    """Return a sentence on the most even step near the wanted one, else on the shortest one."""
    intervals = [source_interval(info) for info in facts.values()]
    found = even_step(intervals, wanted_s)
    notes = []
    if not found or not found.is_even:
        found = even_step(intervals)
        if wanted_s is not None:
            notes = [f"none within 20 % of {written_step(wanted_s)} s is even"]
    if not found:
        return (
            f"No step up to {LONGEST_S:g} s is even over these videos (at most "
            f"{100 * STEP_TOLERANCE:.0f} % apart): leave some of them out to have it."
        )
    step = written_step(found.step_s)
    apart = f"{100 * found.spread:.1f} % apart"
    if tau_frames:
        steps = _row_steps(facts, {"step_s": found.step_s})
        notes.append(f"{_tau(steps, tau_frames)} there")
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"For even steps, of about {step} s and {apart}{noted}: {command} STEP={step}"


def _every(n: int) -> str:
    """Return which of a video's frames are kept, e.g. "every 2nd frame"."""
    if n == 1:
        return "every frame"
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"every {n}{'th' if n % 100 in (11, 12, 13) else endings.get(n % 10, 'th')} frame"
