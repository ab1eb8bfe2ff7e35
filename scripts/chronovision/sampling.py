"""Where clips are cut: random starts or a partition, the same durations from every video."""

import logging
import math
from collections.abc import Mapping, Sequence

import numpy as np

from chronovision.counting import Clip
from chronovision.errors import UserError
from chronovision.seeds import derive_rng
from chronovision.timing import nominal_interval, span_duration

log = logging.getLogger(__name__)


def clip_length(duration_s: float, interval_s: float) -> int:
    """Frames of a clip of about `duration_s`: rounded (halves up), at least two (one change).

    `interval_s` is the nominal frame interval: the median of times rounded to milliseconds
    would make clips of 29.97 frames/s 1 % too long.
    """
    frames = round(duration_s / interval_s, 6)  # so that noise in the interval decides no tie
    return max(2, math.floor(frames + 0.5))


def usable_durations(times: Mapping[str, np.ndarray], durations_s: Sequence[float]) -> list[float]:
    """Durations that every video can give: clips of at most half the shortest video.

    All videos get the same durations, else the duration of a clip would tell its video. Of
    durations that are equally many frames in some video the shortest stays.

    Parameters
    ----------
    times : video -> (n,) times of its frames, seconds.
    durations_s : the config's ``clips.durations_s``.

    Returns
    -------
    The durations that fit, ascending, as floats. What is dropped goes to the log.

    Raises
    ------
    UserError : none fits.
    """
    wanted = _distinct(times, sorted({float(duration) for duration in durations_s}))
    shortest = min(times, key=lambda video: len(times[video]) * nominal_interval(times[video]))
    lasts = span_duration(times[shortest])
    kept = [
        duration
        for duration in wanted
        if all(2 * clip_length(duration, nominal_interval(t)) <= len(t) for t in times.values())
    ]
    if not kept:
        raise UserError(
            f"no clip duration fits: clips may last at most half of the shortest video, and "
            f"{shortest} lasts {lasts:.4g} s; put shorter values into clips.durations_s (its "
            f"least is {wanted[0]:g} s) or leave that video out"
        )
    if dropped := wanted[len(kept) :]:
        log.warning(
            "clip durations left out, being more than half of the shortest video (%s, %.4g s): %s",
            shortest,
            lasts,
            ", ".join(f"{duration:g} s" for duration in dropped),
        )
    return kept


def _distinct(times: Mapping[str, np.ndarray], durations_s: Sequence[float]) -> list[float]:
    """The durations, ascending, without those as many frames long as a shorter one."""
    intervals = {nominal_interval(time_s) for time_s in times.values()}
    lengths = {d: [clip_length(d, interval) for interval in intervals] for d in durations_s}
    kept: list[float] = []
    for duration in durations_s:
        if not kept or all(
            longer > shorter
            for longer, shorter in zip(lengths[duration], lengths[kept[-1]], strict=True)
        ):
            kept.append(duration)
    if same := sorted(set(durations_s) - set(kept)):
        listed = ", ".join(f"{duration:g} s" for duration in same)
        log.warning("clip durations left out, being no more frames than a shorter one: %s", listed)
    return kept


def random_clips(
    time_s: np.ndarray,
    durations_s: Sequence[float],
    *,
    coverage: float,
    max_per_video: int,
    seed: int,
    video: str,
) -> list[tuple[int, int]]:
    """Clips with random starts; they may overlap, but no two of one duration are the same.

    Of each duration d there are ⌈coverage · T/d⌉ clips of a video that lasts T, at most
    ``max_per_video // len(durations_s)``.

    Parameters
    ----------
    time_s : (n,) times of the frames, seconds.
    durations_s : see `usable_durations`.
    seed, video : the starts of one duration derive from these and the duration alone.

    Returns
    -------
    (start frame, number of frames) of each clip, by duration, then by start.
    """
    interval, n = nominal_interval(time_s), len(time_s)
    lasts = span_duration(time_s)
    share = max_per_video // len(durations_s)
    clips = []
    for duration in durations_s:
        length = clip_length(duration, interval)
        starts = n - length + 1
        wanted = min(math.ceil(coverage * lasts / duration), share, starts)
        rng = derive_rng(seed, "clips", video, float(duration))
        drawn = np.sort(rng.choice(starts, size=wanted, replace=False))
        clips += [(int(start), length) for start in drawn]
    return clips


def partition_clips(
    time_s: np.ndarray, durations_s: Sequence[float], *, seed: int, video: str
) -> list[tuple[int, int]]:
    """The video divided into uneven pieces that do not overlap.

    The durations are dealt in shuffled rounds, each once per round, as long as one still
    fits; then the pieces' order is shuffled, so that duration does not tell the place in the
    video. What remains, shorter than the shortest duration, is left out at the end.

    Parameters, Returns: as `random_clips`; the pieces come in the order of the video.
    """
    rng = derive_rng(seed, "partition", video)
    interval, left = nominal_interval(time_s), len(time_s)
    lengths = np.array([clip_length(duration, interval) for duration in durations_s])
    pieces: list[int] = []
    while lengths.min() <= left:
        for length in rng.permutation(lengths).tolist():
            if length <= left:
                pieces.append(length)
                left -= length
    pieces = rng.permutation(pieces).tolist()
    starts = np.cumsum([0, *pieces[:-1]]).tolist()
    return list(zip(starts, pieces, strict=True))


def snapshot_lengths(n_frames: int, snapshots: int, rng: np.random.Generator) -> list[int]:
    """Lengths at which a clip's run is read out early: uniform over its middle half.

    Parameters
    ----------
    n_frames : length of the clip; a quarter to three quarters of it can be drawn, at least
        two frames and less than the clip.
    snapshots : how many, all different; fewer where the clip is too short for so many.

    Returns
    -------
    Lengths in frames, ascending.
    """
    candidates = np.arange(
        max(2, math.ceil(n_frames / 4)), min(n_frames - 1, 3 * n_frames // 4) + 1
    )
    count = min(snapshots, len(candidates))
    return np.sort(rng.choice(candidates, size=count, replace=False)).tolist() if count else []


def sample_clips(times: Mapping[str, np.ndarray], settings: Mapping, seed: int) -> list[Clip]:
    """Clips of all videos, with their snapshots, as the config's ``clips`` asks.

    Parameters
    ----------
    times : video -> (n,) times of its frames, seconds.
    settings : the config's ``clips``.
    seed : the config's.

    Raises
    ------
    UserError : every duration is too long (see `usable_durations`).
    """
    durations = usable_durations(times, settings["durations_s"])
    clips = []
    for video, time_s in times.items():
        if settings["mode"] == "partition":
            spans = partition_clips(time_s, durations, seed=seed, video=video)
        else:
            limits = {key: settings[key] for key in ("coverage", "max_per_video")}
            spans = random_clips(time_s, durations, **limits, seed=seed, video=video)
        for start, length in spans:
            rng = derive_rng(seed, "snapshots", video, start, length)
            early = snapshot_lengths(length, settings["snapshots"], rng)
            clips.append(Clip(video, start, (length, *early)))
    return clips
