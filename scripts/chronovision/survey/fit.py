"""Obstacles to a duration model on a set of videos, reported before anything is computed."""

from collections.abc import Mapping

from chronovision.duration.clip_design import (
    Design,
    Footage,
    can_cut,
    clip_length,
    describe_design,
    left_out,
    number_of_clips,
    plan_clips,
)
from chronovision.duration.comparability import LEAST_GROUPS, NoFitError, obstacles
from chronovision.jobs.costs import video_extent
from chronovision.videos.fingerprint import sampled_hash
from chronovision.videos.table import Video

#: Least gain in seconds of clips for which a value of ``clips.min_video_s`` is proposed.
WORTHWHILE = 1.1


def describe_fit(
    videos: Mapping[str, Video], facts: Mapping[str, Mapping], config: Mapping
) -> list[str]:
    """Return lines on the clips that a set gives, and on why no model can be fitted to them.

    Differing frame rates are reported by `chronovision.survey.sampling_advice`.

    Parameters
    ----------
    videos : mapping of str to Video
        Rows of the videos table.
    facts : mapping of str to mapping
        Id -> result of `chronovision.videos.probe.probe`, for the videos that can be read.
    config : mapping
        Config of the run.
    """
    footage = {name: _footage(videos[name], facts[name], config["frames"]) for name in facts}
    # The jobs of a video without frames that can be used fail, and say so.
    footage = {name: one for name, one in footage.items() if one.n_frames > 1}
    if not footage or not config["duration"]["estimators"]:
        return []
    groups = {name: videos[name].group for name in footage}
    lines, found, design = [], [], None
    try:
        design = plan_clips(footage, config["clips"])
    except NoFitError as error:
        found.append(error)
    if design:
        lines.append(_describe_clips(design))
        clauses = left_out(describe_design(design, footage, ()))
        lines += [f"  left out of the clips: {clause}" for clause in clauses]
    names = design.videos if design else footage
    files = {name: sampled_hash(videos[name].path) or name for name in names}
    only_s = _only_duration(design, footage, config["clips"]) if design else None
    found += obstacles({name: groups[name] for name in names}, files, only_s)
    lines += [
        f"  WARNING: {obstacle.reason}. This run goes on WITHOUT the fit of durations. To have it: "
        f"{obstacle.remedy}"
        for obstacle in found
    ]
    return lines + _propose_least(footage, groups, config["clips"], design)


def _footage(video: Video, about: Mapping, frames: Mapping) -> Footage:
    extent = video_extent(about, frames, video.span)
    return Footage(extent.rows, extent.duration_s / max(extent.rows, 1), extent.duration_s)


def _describe_clips(design: Design) -> str:
    shortest, longest = (f"{design.durations_s[end]:g}" for end in (0, -1))
    durations = shortest if len(design.durations_s) == 1 else f"{shortest} to {longest}"
    n_durations, n_videos = len(design.durations_s), len(design.videos)
    return (
        f"  clips of {durations} s ({n_durations} duration{'s' * (n_durations > 1)}) from "
        f"{n_videos} video{'s' * (n_videos > 1)}"
    )


def _only_duration(design: Design, footage: Mapping[str, Footage], clips: Mapping) -> float | None:
    """Return the duration that all clips have; None if they have several, or snapshots do."""
    if len(design.durations_s) > 1:
        return None
    (duration,) = design.durations_s
    lengths = [clip_length(duration, footage[name].interval_s) for name in design.videos]
    # A clip of two frames has no snapshots.
    return None if clips["snapshots"] and max(lengths) > 2 else duration


def _propose_least(
    footage: Mapping[str, Footage],
    groups: Mapping[str, str],
    clips: Mapping,
    present: Design | None,
) -> list[str]:
    """Propose the value of ``clips.min_video_s`` that gives the most seconds of clips.

    Nothing is proposed if the gain is small. For each duration the videos that are too short for it
    might be left out, as long as `LEAST_GROUPS` remain.
    """
    now = _clip_seconds(footage, clips, present) if present else 0.0
    best, most = None, WORTHWHILE * now
    for duration in clips["durations_s"]:
        short = [video.duration_s for video in footage.values() if not can_cut(video, duration)]
        below = max(short, default=0.0)
        kept = [video.duration_s for video in footage.values() if video.duration_s > below]
        if not short or not kept:
            continue
        asked = {**clips, "min_video_s": _between(below, min(kept))}
        try:
            design = plan_clips(footage, asked)
        except NoFitError:
            continue
        if len({groups[name] for name in design.videos}) < LEAST_GROUPS:
            continue
        seconds = _clip_seconds(footage, asked, design)
        if seconds > most:
            best, most = (asked["min_video_s"], design), seconds
    if best is None:
        return []
    least, design = best
    return [
        f"  clips.min_video_s: {least:g} in the file that CONFIG names would take the clips from "
        f"longer videos only:",
        f"  {_describe_clips(design)}, {most:.0f} s together instead of {now:.0f} s",
    ]


def _clip_seconds(footage: Mapping[str, Footage], clips: Mapping, design: Design) -> float:
    """Return the total duration of all clips of a design, in seconds."""
    videos, durations = [footage[name] for name in design.videos], design.durations_s
    if clips["mode"] == "partition":
        return sum(video.duration_s for video in videos)
    return sum(
        clip_length(duration, video.interval_s)
        * video.interval_s
        * number_of_clips(video, duration, len(durations), clips)
        for video in videos
        for duration in durations
    )


def _between(below: float, above: float) -> float:
    """Return a number with few digits above `below` and up to `above`."""
    for digits in range(1, 17):
        middle = float(f"{(below + above) / 2:.{digits}g}")
        if below < middle <= above:
            return middle
    return above
