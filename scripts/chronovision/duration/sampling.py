"""Where clips are cut: random starts or a partition, the same durations from every video."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from chronovision.core.seeds import derive_rng
from chronovision.core.timing import nominal_interval
from chronovision.duration.clip_design import Design, Footage, clip_length, number_of_clips
from chronovision.duration.counting import Clip


def random_clips(
    time_s: np.ndarray, durations_s: Sequence[float], clips: Mapping, *, seed: int, video: str
) -> list[tuple[int, int]]:
    """Clips with random starts; they may overlap, but no two of one duration are the same.

    Parameters
    ----------
    time_s : (n,) times of the frames, seconds.
    durations_s : see `Design`.
    clips : see `number_of_clips`, which says how many there are.
    seed, video : the starts of one duration derive from these and the duration alone.

    Returns
    -------
    (start frame, number of frames) of each clip, by duration, then by start.
    """
    whole = Footage.of(time_s)
    found = []
    for duration in durations_s:
        length = clip_length(duration, whole.interval_s)
        wanted = number_of_clips(whole, duration, len(durations_s), clips)
        rng = derive_rng(seed, "clips", video, float(duration))
        drawn = np.sort(rng.choice(whole.n_frames - length + 1, size=wanted, replace=False))
        found += [(int(start), length) for start in drawn]
    return found


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


def sample_clips(
    times: Mapping[str, np.ndarray], design: Design, clips: Mapping, seed: int
) -> list[Clip]:
    """Clips of all videos, with their snapshots, as the config's ``clips`` asks.

    Parameters
    ----------
    times : video -> (n,) times of its frames, seconds.
    design : see `plan_clips`.
    clips : the config's ``clips``.
    seed : the config's.
    """
    durations, found = design.durations_s, []
    for video in design.videos:
        time_s = times[video]
        if clips["mode"] == "partition":
            spans = partition_clips(time_s, durations, seed=seed, video=video)
        else:
            spans = random_clips(time_s, durations, clips, seed=seed, video=video)
        for start, length in spans:
            rng = derive_rng(seed, "snapshots", video, start, length)
            early = snapshot_lengths(length, clips["snapshots"], rng)
            found.append(Clip(video, start, (length, *early)))
    return found
