"""Sampling of clips: random starts or a partition, with the same durations from every video."""

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
    """Return clips with random starts; they may overlap, but no two of one duration are the same.

    Parameters
    ----------
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    durations_s : sequence of float
        Durations of the clips in seconds, see `Design`.
    clips : mapping
        The config's ``clips``: `number_of_clips` derives the number of clips from it.
    seed : int
        The config's ``seed``.
    video : str
        Id of the video. The starts derive from the seed, this id and the duration.

    Returns
    -------
    list of (int, int)
        Start frame and number of frames of each clip, by duration, then by start.

    Examples
    --------
    >>> few = {"coverage": 1, "max_per_video": 4}
    >>> clips = random_clips(np.arange(100) / 25, [1.0, 2.0], few, seed=0, video="film")
    >>> [length for _, length in clips]
    [25, 25, 50, 50]
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
    """Divide the video into uneven clips that do not overlap.

    The durations are dealt in shuffled rounds, each once per round, as long as one still fits. Then
    the clips are shuffled, so that the duration does not tell the place in the video. What remains
    at the end, shorter than the shortest duration, is left out.

    Parameters
    ----------
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    durations_s : sequence of float
        Durations of the clips in seconds, see `Design`.
    seed : int
        The config's ``seed``.
    video : str
        Id of the video. The order derives from the seed and this id.

    Returns
    -------
    list of (int, int)
        Start frame and number of frames of each clip, in the order of the video.

    Examples
    --------
    >>> clips = partition_clips(np.arange(100) / 25, [0.4, 0.8], seed=0, video="film")
    >>> sum(length for _, length in clips), sorted({length for _, length in clips})
    (100, [10, 20])
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
    """Draw the lengths of a clip's snapshots, uniformly over its middle half.

    Parameters
    ----------
    n_frames : int
        Length of the clip in frames. Lengths from a quarter to three quarters of it can be drawn,
        with at least two frames and less than the clip.
    snapshots : int
        Number of lengths, all different; fewer where the clip is too short for so many.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    list of int
        Lengths in frames, ascending.

    Examples
    --------
    >>> snapshot_lengths(4, 2, np.random.default_rng(0)), snapshot_lengths(2, 2, None)
    ([2, 3], [])
    """
    candidates = np.arange(
        max(2, math.ceil(n_frames / 4)), min(n_frames - 1, 3 * n_frames // 4) + 1
    )
    count = min(snapshots, len(candidates))
    return np.sort(rng.choice(candidates, size=count, replace=False)).tolist() if count else []


def sample_clips(
    times: Mapping[str, np.ndarray], design: Design, clips: Mapping, seed: int
) -> list[Clip]:
    """Return the clips of all videos, with their snapshots, as the config's ``clips`` asks.

    Parameters
    ----------
    times : mapping of str to (n,) float64 array
        Video -> times of its frames, in seconds.
    design : Design
        See `plan_clips`.
    clips : mapping
        The config's ``clips``.
    seed : int
        The config's ``seed``.

    Returns
    -------
    list of Clip
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
