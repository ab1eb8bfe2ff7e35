"""Which clips can be cut from a set of videos, and what has to be left out."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chronovision.core.timing import nominal_interval, span_duration
from chronovision.duration.comparability import NoFitError

#: A video of fewer frames gives no clip of any duration: one has two, and lasts at most half of it.
LEAST_FRAMES = 4


def clip_length(duration_s: float, interval_s: float) -> int:
    """Frames of a clip of about `duration_s`: rounded (halves up), at least two (one change).

    `interval_s` is the nominal frame interval: the median of times rounded to milliseconds
    would make clips of 29.97 frames/s 1 % too long.
    """
    frames = round(duration_s / interval_s, 6)  # so that noise in the interval decides no tie
    return max(2, math.floor(frames + 0.5))


class Footage(NamedTuple):
    """What decides which clips a video can give.

    Attributes
    ----------
    n_frames : rows of the analysed series.
    interval_s : nominal frame interval.
    duration_s : how long the frames are on screen.
    """

    n_frames: int
    interval_s: float
    duration_s: float

    @classmethod
    def of(cls, time_s: np.ndarray) -> "Footage":
        """Footage of frames at (n ≥ 2,) increasing times in seconds."""
        return cls(len(time_s), nominal_interval(time_s), span_duration(time_s))


@dataclass(frozen=True)
class Design:
    """Which videos clips are cut from, of which durations, and what is left out.

    Attributes
    ----------
    videos : that clips are cut from, in the order of the set.
    durations_s : of the clips, ascending; the same for every video.
    short_videos : video -> its duration (s), below ``clips.min_video_s``.
    too_long_s : durations beyond half of the shortest video.
    same_length_s : durations of as many frames as a shorter one.
    shortest : the shortest of the videos.
    """

    videos: tuple[str, ...]
    durations_s: tuple[float, ...]
    short_videos: Mapping[str, float]
    too_long_s: tuple[float, ...]
    same_length_s: tuple[float, ...]
    shortest: str


def gives(video: Footage, duration_s: float) -> bool:
    """Whether a clip of this duration lasts at most half of the video."""
    return 2 * clip_length(duration_s, video.interval_s) <= video.n_frames


def plan_clips(footage: Mapping[str, Footage], clips: Mapping) -> Design:
    """Which clips can be cut from a set: the same durations from every video.

    Else the duration of a clip would tell its video. So a clip lasts at most half of the
    shortest video; of durations that are equally many frames in some video the shortest stays;
    and videos shorter than ``min_video_s`` give no clips, rather than shorten all the others'.

    Parameters
    ----------
    footage : of each video.
    clips : the config's ``clips``.

    Raises
    ------
    NoFitError : no video is long enough, or no duration short enough.
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
        duration for duration in distinct if all(gives(video, duration) for video in used.values())
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
    """Why there are no clips if not every video gives one of the least duration, `least_s`."""
    refusing = {name: one for name, one in footage.items() if not gives(one, least_s)}
    tiny = {name: one for name, one in refusing.items() if one.n_frames < LEAST_FRAMES}
    named = min(refusing, key=lambda name: (name not in tiny, refusing[name].duration_s, name))
    lasts = f"{named} lasts {footage[named].duration_s:.4g} s"
    leave_out = "leave short videos out of the clips (clips.min_video_s)"
    if tiny:
        return NoFitError(
            f"no clip duration fits, as clips of two frames or more may last at most half of a "
            f"video, and {lasts} ({footage[named].n_frames} frames)",
            f"{leave_out}, or out of the videos table",
        )
    return NoFitError(
        f"no clip duration fits, as clips may last at most half of the shortest video, and {lasts}",
        f"put shorter values into clips.durations_s (its least is {least_s:g} s), or {leave_out}",
    )


def _distinct(intervals_s: Collection[float], durations_s: Sequence[float]) -> list[float]:
    """The durations, ascending, without those as many frames long as a shorter one."""
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
    """Clips with random starts that a video gives of one duration.

    ⌈coverage · T/d⌉ of a video that lasts T, at most ``max_per_video // n_durations``, and no
    more than there are different starts.

    Parameters
    ----------
    video : from which they are cut.
    duration_s : d.
    n_durations : of the design.
    clips : the config's ``clips``: ``coverage`` and ``max_per_video``.
    """
    wanted = math.ceil(clips["coverage"] * video.duration_s / duration_s)
    starts = video.n_frames - clip_length(duration_s, video.interval_s) + 1
    return min(wanted, clips["max_per_video"] // n_durations, starts)


def describe_design(
    design: Design, footage: Mapping[str, Footage], clips: Iterable[tuple[str, int]]
) -> dict[str, Any]:
    """What a clip table records of its clips, as plain values.

    Parameters
    ----------
    design : of the table.
    footage : of each video.
    clips : (video, number of frames) of each clip that was cut.

    Returns
    -------
    dict with ``n_videos`` and ``n_clips``; ``durations``, of each duration_s the number of clips
    and the least and most coverage of a video: clips of one duration together last that many
    times the video; ``shortest`` (video, duration_s); ``short_videos`` (video -> s),
    ``too_long_s`` and ``same_length_s``, which were left out (see `Design`).
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
    """What gave no clips and why, a clause for each reason; see `describe_design`."""
    told = []
    if videos := design["short_videos"]:
        listed = ", ".join(f"{name} ({lasts:.3g} s)" for name, lasts in videos.items())
        told.append(f"videos shorter than clips.min_video_s, {listed}")
    if durations := design["too_long_s"]:
        name, lasts = design["shortest"]["video"], design["shortest"]["duration_s"]
        told.append(
            f"{_seconds(durations)}, being more than half of the shortest video ({name}, "
            f"{lasts:.4g} s)"
        )
    if durations := design["same_length_s"]:
        told.append(f"{_seconds(durations)}, being no more frames than a shorter duration")
    return told


def _seconds(durations: Sequence[float]) -> str:
    return "clips of " + ", ".join(f"{duration:g}" for duration in durations) + " s"
