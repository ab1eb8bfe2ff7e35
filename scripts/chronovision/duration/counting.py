"""Counting of salient changes inside clips; each clip starts afresh."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chronovision.core.seeds import derive_rng
from chronovision.salience.accumulators import static_accumulator
from chronovision.salience.decay import start_decay
from chronovision.salience.thresholds import Thresholds

#: Number of steps × series that run at once; four float64 arrays of this size are held.
BATCH_ELEMENTS = 2_000_000


@dataclass(frozen=True)
class Clip:
    """Consecutive frames of one video that are counted in one run.

    `lengths`, in frames, are those at which the run's count is taken: first the whole clip, then
    the snapshots, which are shorter.
    """

    video: str
    start: int
    lengths: tuple[int, ...]

    @property
    def n_frames(self) -> int:
        """Return the length of the whole clip in frames; it holds one change less."""
        return self.lengths[0]


@dataclass(frozen=True)
class Series:
    """Series of change of one video, side by side, with what their thresholds need.

    Attributes
    ----------
    changes : (n − 1, series) float64 array
        Change into frames 1 … n − 1 of the video.
    thresholds : Thresholds
        Thresholds of each series.
    noise_sd : (n − 1, series) float64 array or None
        Standard deviation of the dynamic threshold's noise at each change, or None.
    noise_names : tuple of str
        Name of each series' draws. Series of one name share them.
    dt_s : (n − 1,) float64 array
        Time from frame to frame, in seconds.
    """

    changes: np.ndarray
    thresholds: Thresholds
    noise_sd: np.ndarray | None
    noise_names: tuple[str, ...]
    dt_s: np.ndarray


def count_static(clips: Sequence[Clip], series: Mapping[str, Series]) -> np.ndarray:
    """Count the changes above the static threshold in each clip.

    Parameters
    ----------
    clips : sequence of Clip
        Clips. A clip of k frames from frame s has the changes into frames s + 1 … s + k − 1.
    series : mapping of str to Series
        Video -> its series of change. All videos have equally many series.

    Returns
    -------
    (rows, 1, series) int64 array
        A row for each length, in the order of the clips.
    """
    totals = {
        video: np.pad(
            np.cumsum(static_accumulator(one.changes, one.thresholds.static), axis=0),
            ((1, 0), (0, 0)),
        )
        for video, one in series.items()
    }
    counts = [
        totals[clip.video][clip.start + length - 1] - totals[clip.video][clip.start]
        for clip in clips
        for length in clip.lengths
    ]
    return np.stack(counts)[:, np.newaxis]


def count_dynamic(
    clips: Sequence[Clip],
    series: Mapping[str, Series],
    *,
    dynamic: Mapping,
    seed: int,
    repeats: int,
) -> np.ndarray:
    """Count the changes that the dynamic threshold finds in each clip, starting at Tmax.

    The noise of a series derives from the seed, the video, the clip's start and length and the
    series' name. Repeat r takes the r-th stretch of that stream. No other clip, video or series has
    an influence. A snapshot is the count that the same run has reached earlier.

    Parameters
    ----------
    clips : sequence of Clip
        Clips. A clip of k frames from frame s has the changes into frames s + 1 … s + k − 1.
    series : mapping of str to Series
        Video -> its series of change. All videos have equally many series.
    dynamic : mapping
        The config's ``thresholds.dynamic``: time constant, and whether T is bounded.
    seed : int
        The config's ``seed``.
    repeats : int
        Number of runs of each clip, each with noise of its own.

    Returns
    -------
    (rows, repeats, series) int64 array
        A row for each length, in the order of the clips.
    """
    counts: dict[int, np.ndarray] = {}
    n_series = len(next(iter(series.values())).noise_names)
    for batch in _batches(clips, repeats * n_series):
        members = [clips[index] for index in batch]
        salient = _run_batch(members, series, dynamic, seed, repeats)
        for position, (index, clip) in enumerate(zip(batch, members, strict=True)):
            runs = salient[:, position]
            reached = [runs[: length - 1].sum(axis=0, dtype=np.int64) for length in clip.lengths]
            counts[index] = np.stack(reached)
    in_order = [counts[index] for index in range(len(clips))]
    return np.concatenate(in_order).reshape(-1, repeats, n_series)


def _batches(clips: Sequence[Clip], width: int) -> Iterator[list[int]]:
    """Yield the indices of clips of similar length that run side by side, longest last."""
    batch: list[int] = []
    for index in sorted(range(len(clips)), key=lambda index: clips[index].n_frames):
        if batch and clips[index].n_frames * (len(batch) + 1) * width > BATCH_ELEMENTS:
            yield batch
            batch = []
        batch.append(index)
    yield batch


def _run_batch(
    clips: Sequence[Clip],
    series: Mapping[str, Series],
    dynamic: Mapping,
    seed: int,
    repeats: int,
) -> np.ndarray:
    """Return salient changes (steps, clips, repeats × series); none after a clip's end."""
    videos = [series[clip.video] for clip in clips]
    n_series = len(videos[0].noise_names)
    steps = max(clip.n_frames for clip in clips) - 1
    changes = np.full((steps, len(clips), repeats, n_series), -np.inf)
    noise = np.zeros((steps, len(clips), repeats, n_series))
    dt_s = np.zeros((steps, len(clips), 1))
    for position, (clip, video) in enumerate(zip(clips, videos, strict=True)):
        span = slice(clip.start, clip.start + clip.n_frames - 1)
        length = clip.n_frames - 1
        changes[:length, position] = video.changes[span, np.newaxis]
        dt_s[:length, position, 0] = video.dt_s[span]
        noise[:length, position] = _clip_noise(clip, video, seed, repeats)
    shape = (steps, len(clips), repeats * n_series)
    bounds = [video.thresholds.bounds() for video in videos]
    tmax, tmin = (
        np.stack([np.tile(limit, repeats) for limit in limits])
        for limits in zip(*bounds, strict=True)
    )
    decay = start_decay(tmax, tmin, dynamic)
    _, salient = decay.run(changes.reshape(shape), noise.reshape(shape), dt_s)
    return salient


def _clip_noise(clip: Clip, video: Series, seed: int, repeats: int) -> np.ndarray:
    """Return the noise of a clip's thresholds, (changes, repeats, series)."""
    if video.noise_sd is None:
        raise ValueError("the dynamic threshold needs noise")
    sd = video.noise_sd[clip.start : clip.start + clip.n_frames - 1]
    draws = {
        name: derive_rng(
            seed, "clip noise", clip.video, clip.start, clip.n_frames, name
        ).standard_normal((repeats, len(sd)))
        for name in dict.fromkeys(video.noise_names)
    }
    noise = np.stack([draws[name].T for name in video.noise_names], axis=-1)
    noise *= sd[:, np.newaxis]
    return noise
