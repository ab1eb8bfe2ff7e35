"""Design of the clips: which durations can be cut from a set of videos, and what is left out."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chronovision.core.timing import nominal_interval, span_duration
from chronovision.duration.comparability import NoFitError

#: Least number of frames of a video with clips. A clip has two, and lasts at most half of the
#: video.
LEAST_FRAMES = 4


def clip_length(duration_s: float, interval_s: float) -> int:
    """Return the number of frames of a clip of about `duration_s`.

    It is rounded, halves up, and at least two, as one change needs two frames.

    With the median of times that are rounded to milliseconds, clips of 29.97 frames/s would be 1 %
    too long. So the interval is the nominal one.

    Parameters
    ----------
    duration_s : float
        Wanted duration in seconds.
    interval_s : float
        Nominal frame interval in seconds.

    Returns
    -------
    int

    Examples
    --------
    >>> clip_length(1.0, 1 / 24), clip_length(0.01, 1 / 24)
    (24, 2)
    """
    frames = round(duration_s / interval_s, 6)  # so that noise in the interval decides no tie
    return max(2, math.floor(frames + 0.5))


class Footage(NamedTuple):
    """Length of a video's analysed series, from which clips are cut.

    Attributes
    ----------
    n_frames : int
        Rows of the analysed series.
    interval_s : float
        Nominal frame interval in seconds.
    duration_s : float
        Time that the frames are on screen, in seconds.
    """

    n_frames: int
    interval_s: float
    duration_s: float

    @classmethod
    def of(cls, time_s: np.ndarray) -> "Footage":
        """Return the footage of frames at (n ≥ 2,) increasing times in seconds."""
        return cls(len(time_s), nominal_interval(time_s), span_duration(time_s))


@dataclass(frozen=True)
class Design:
    """The videos that clips are cut from, the durations of the clips, and what is left out.

    Attributes
    ----------
    videos : tuple of str
        Videos that clips are cut from, in the order of the set.
    durations_s : tuple of float
        Durations of the clips in seconds, ascending; the same for every video.
    short_videos : mapping of str to float
        Video below ``clips.min_video_s`` -> its duration in seconds.
    too_long_s : tuple of float
        Durations beyond half of the shortest video.
    same_length_s : tuple of float
        Durations with as many frames as a shorter one.
    shortest : str
        The shortest of the videos.
    """

    videos: tuple[str, ...]
    durations_s: tuple[float, ...]
    short_videos: Mapping[str, float]
    too_long_s: tuple[float, ...]
    same_length_s: tuple[float, ...]
    shortest: str


def can_cut(video: Footage, duration_s: float) -> bool:
    """Return whether a clip of this duration lasts at most half of the video."""
    return 2 * clip_length(duration_s, video.interval_s) <= video.n_frames


def plan_clips(footage: Mapping[str, Footage], clips: Mapping) -> Design:
    """Plan the clips of a set, with the same durations from every video.

    Otherwise the duration of a clip would tell its video, which is a confound. So a clip lasts at
    most half of the shortest video. Of durations with equally many frames in some video the
    shortest stays. Videos shorter than ``min_video_s`` give no clips, so that they do not shorten
    all the others'.

    Parameters
    ----------
    footage : mapping of str to Footage
        Video -> its footage.
    clips : mapping
        The config's ``clips``.

    Returns
    -------
    Design

    Raises
    ------
    NoFitError
        No video is long enough, or no duration short enough.
    """
    least_s = clips["min_video_s"] or 0.0
    short = {name: one.duration_s for name, one in footage.items() if one.duration_s < least_s}
    used = {name: one for name, one in footage.items() if name not in short}
    if not used:
        raise NoFitError(
            f"every video is shorter than clips.min_video_s ({least_s:g} s)", "lower it"
        )
    asked = sorted({float(duration) for duration in clips["durations_s"]})
    distinct = _distinct({one.interval_s for one in used.values()}, asked)
    # By name where several are as short: the order of a set is not kept where it gives no clips.
    shortest = min(used, key=lambda name: (used[name].n_frames * used[name].interval_s, name))
    kept = tuple(
        duration
        for duration in distinct
        if all(can_cut(video, duration) for video in used.values())
    )
    if not kept:
        raise _no_duration_fits(used, asked[0])
    return Design(
        videos=tuple(used),
        durations_s=kept,
        short_videos=short,
        too_long_s=tuple(distinct[len(kept) :]),
        same_length_s=tuple(sorted(set(asked) - set(distinct))),
        shortest=shortest,
    )


def _no_duration_fits(footage: Mapping[str, Footage], least_s: float) -> NoFitError:
    """Explain why there are no clips, if some video gives none of the least duration."""
    refusing = {name: one for name, one in footage.items() if not can_cut(one, least_s)}
    tiny = {name: one for name, one in refusing.items() if one.n_frames < LEAST_FRAMES}
    named = min(refusing, key=lambda name: (name not in tiny, refusing[name].duration_s, name))
    example = f"{named} lasts {footage[named].duration_s:.4g} s"
    leave_out = "leave short videos out of the clips (clips.min_video_s)"
    if tiny:
        return NoFitError(
            f"no clip duration fits, as clips of two frames or more may last at most half of a "
            f"video, and {example} ({footage[named].n_frames} frames)",
            f"{leave_out}, or out of the videos table",
        )
    return NoFitError(
        "no clip duration fits, as clips may last at most half of the shortest video, and "
        f"{example}",
        f"put shorter values into clips.durations_s (its least is {least_s:g} s), or {leave_out}",
    )


def _distinct(intervals_s: Collection[float], durations_s: Sequence[float]) -> list[float]:
    """Return the durations, ascending, without those that have as many frames as a shorter one."""
    lengths = {d: [clip_length(d, interval) for interval in intervals_s] for d in durations_s}
    kept: list[float] = []
    for duration in durations_s:
        if not kept or all(
            longer > shorter
            for longer, shorter in zip(lengths[duration], lengths[kept[-1]], strict=True)
        ):
            kept.append(duration)
    return kept


def number_of_clips(video: Footage, duration_s: float, n_durations: int, clips: Mapping) -> int:
    """Return the number of clips with random starts that a video gives of one duration.

    It is ⌈coverage · T/d⌉ for a video that lasts T and a duration d, at most
    ``max_per_video // n_durations``, and no more than there are different starts.

    Parameters
    ----------
    video : Footage
        Video that the clips are cut from.
    duration_s : float
        Duration d in seconds.
    n_durations : int
        Number of durations in the design.
    clips : mapping
        The config's ``clips``: ``coverage`` and ``max_per_video``.

    Returns
    -------
    int

    Examples
    --------
    >>> number_of_clips(Footage(240, 1 / 24, 10.0), 3.0, 13, {"coverage": 2, "max_per_video": 100})
    7
    """
    wanted = math.ceil(clips["coverage"] * video.duration_s / duration_s)
    starts = video.n_frames - clip_length(duration_s, video.interval_s) + 1
    return min(wanted, clips["max_per_video"] // n_durations, starts)


def describe_design(
    design: Design, footage: Mapping[str, Footage], clips: Iterable[tuple[str, int]]
) -> dict[str, Any]:
    """Describe the clips of a clip table for its provenance, as plain values.

    Parameters
    ----------
    design : Design
        Design of the table.
    footage : mapping of str to Footage
        Video -> its footage.
    clips : iterable of (str, int)
        Video and number of frames of each clip that was cut.

    Returns
    -------
    dict
        With the following keys:

        - ``n_videos``, ``n_clips``: numbers of videos and clips
        - ``durations``: for each duration_s the number of clips, and the least and most coverage
          of a video, which is the total time of these clips divided by the video's
        - ``shortest``: the shortest video and its duration
        - ``short_videos``, ``too_long_s``, ``same_length_s``: what was left out, see `Design`
    """
    numbers = Counter(clips)
    rows = []
    for duration in design.durations_s:
        counts, covered = [], []
        for video in design.videos:
            one = footage[video]
            length = clip_length(duration, one.interval_s)
            counts.append(numbers[video, length])
            covered.append(counts[-1] * length / one.n_frames)
        limits = {"least_coverage": min(covered), "most_coverage": max(covered)}
        rows.append({"duration_s": duration, "n_clips": sum(counts), **limits})
    return {
        "n_videos": len(design.videos),
        "n_clips": numbers.total(),
        "durations": rows,
        "shortest": {"video": design.shortest, "duration_s": footage[design.shortest].duration_s},
        "short_videos": dict(design.short_videos),
        "too_long_s": list(design.too_long_s),
        "same_length_s": list(design.same_length_s),
    }


def left_out(design: Mapping) -> list[str]:
    """Return a clause for each reason why something gave no clips; see `describe_design`."""
    told = []
    if videos := design["short_videos"]:
        listed = ", ".join(f"{name} ({duration_s:.3g} s)" for name, duration_s in videos.items())
        told.append(f"videos shorter than clips.min_video_s, {listed}")
    if durations := design["too_long_s"]:
        shortest = design["shortest"]
        told.append(
            f"{_seconds(durations)}, being more than half of the shortest video "
            f"({shortest['video']}, {shortest['duration_s']:.4g} s)"
        )
    if durations := design["same_length_s"]:
        told.append(f"{_seconds(durations)}, being no more frames than a shorter duration")
    return told


def _seconds(durations: Sequence[float]) -> str:
    return "clips of " + ", ".join(f"{duration:g}" for duration in durations) + " s"
