"""Figures of the features: heatmaps of channels over time, and frame × frame correlation."""

import json
from os import PathLike

import h5py
import numpy as np
from matplotlib.axes import Axes

from chronovision.core.timing import time_span
from chronovision.figures.style import MISSING_COLOUR, new_figure, panels, save

#: Most columns of a heatmap; about one per pixel.
MAX_COLUMNS = 600

#: Most frames of a similarity matrix.
MAX_FRAMES = 300

#: Largest ratio of a channel's standard deviation over time to its |mean| that is due to rounding.
_CONSTANT = 1e-6

_ROWS_AT_ONCE = 512


def draw_heatmaps(path: str | PathLike, video: str, features: h5py.File) -> None:
    """Draw the z-scored channel means over time, one panel per layer.

    z = (value − mean over time) / s.d. over time, for each channel; constant channels are 0.
    Channels are sorted by their weight on the first principal component of z, so that channels
    which rise and fall together lie side by side. Frames too close to be told apart are averaged.

    Parameters
    ----------
    path : path-like
        File of the figure.
    video : str
        Id of the video, for the title.
    features : h5py.File
        The open features file.
    """
    time = features["time_s"][:]
    layers = json.loads(features.attrs["layers"])
    figure = new_figure(0.7 + max(1.25 * len(layers), 2.0))
    axes = figure.subplots(len(layers), 1, sharex=True, squeeze=False).ravel()
    for axis, layer in zip(axes, layers, strict=True):
        z = sort_channels(binned_z_scores(features["layers"][layer]["channels"], time))
        image = axis.imshow(
            # Wide enough not to be smoothed in time when it is drawn.
            np.repeat(z, -(-MAX_COLUMNS // z.shape[1]), axis=1),
            aspect="auto",
            extent=(*time_span(time), len(z), 0),
            vmin=-3,
            vmax=3,
            cmap="RdBu_r",
        )
        axis.set_yticks([])
        label = f"{layer}\n{len(z)} channels"
        axis.set_ylabel(label, rotation=0, ha="right", va="center")
    axes[-1].set_xlabel("time (s)")
    figure.suptitle(f"{video}: channel means, z-scored over time, sorted by 1st component")
    figure.colorbar(image, ax=list(axes), label="z (s.d. over time)", aspect=40, extend="both")
    save(figure, path)


def binned_z_scores(channels: h5py.Dataset, time_s: np.ndarray) -> np.ndarray:
    """Return z-scores over time of each channel, averaged in at most `MAX_COLUMNS` bins of time.

    Parameters
    ----------
    channels : (n, C) float32 dataset
        Channel means on disk, which are read piecewise.
    time_s : (n,) float64 array
        Times of the frames, in seconds.

    Returns
    -------
    (C, columns) float64 array
        Bins without a frame hold the frames before them.

    Examples
    --------
    >>> binned_z_scores(np.array([[1.0, 5.0], [3.0, 5.0]], np.float32), np.array([0.0, 1.0]))
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    n, columns = len(time_s), min(len(time_s), MAX_COLUMNS)
    of_frame = np.rint((time_s - time_s[0]) / (time_s[-1] - time_s[0]) * (columns - 1)).astype(int)
    sums = np.zeros((columns, channels.shape[1]))
    squares = np.zeros(channels.shape[1])
    reference = channels[0].astype(float)  # keeps the squares from cancelling
    for start in range(0, n, _ROWS_AT_ONCE):
        values = channels[start : start + _ROWS_AT_ONCE].astype(float) - reference
        np.add.at(sums, of_frame[start : start + _ROWS_AT_ONCE], values)
        squares += (values**2).sum(axis=0)
    frames = np.bincount(of_frame, minlength=columns)
    mean = sums.sum(axis=0) / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
    constant = deviation <= _CONSTANT * np.abs(mean + reference)
    filled = np.maximum.accumulate(np.where(frames > 0, np.arange(columns), 0))
    z = sums[filled] / frames[filled, None] - mean
    return np.where(constant, 0.0, z / np.where(constant, 1.0, deviation)).T


def sort_channels(z: np.ndarray) -> np.ndarray:
    """Sort the rows of z by descending weight on their first principal component.

    Parameters
    ----------
    z : (C, columns) float64 array
        See `binned_z_scores`.

    Returns
    -------
    (C, columns) float64 array

    Examples
    --------
    >>> sort_channels(np.array([[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]])).tolist() in (
    ...     [[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]],
    ...     [[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]],
    ... )
    True
    """
    _, vectors = np.linalg.eigh(z.T @ z)
    weights = z @ vectors[:, -1]
    # The sign of a component is arbitrary: let the largest weight be positive.
    weights = weights * np.sign(weights[np.argmax(np.abs(weights))])
    return z[np.argsort(-weights, kind="stable")]


def draw_similarity(path: str | PathLike, video: str, features: h5py.File) -> None:
    """Draw frame × frame correlation matrices per layer, estimated from the sketches.

    Parameters
    ----------
    path : path-like
        File of the figure.
    video : str
        Id of the video, for the title.
    features : h5py.File
        The open features file.
    """
    time = features["time_s"][:]
    layers = json.loads(features.attrs["layers"])
    chosen = evenly_timed(time, MAX_FRAMES)
    rows = -(-len(layers) // 3)
    figure = new_figure(0.8 + 2.75 * rows)
    for axis, layer in zip(panels(figure, len(layers), 3), layers, strict=True):
        rows_read, position = np.unique(chosen, return_inverse=True)
        sketch = features["layers"][layer]["sketch"][rows_read][position]
        _draw_matrix(axis, correlation_from_sketch(sketch), time_span(time))
        axis.set_title(layer, fontweight="bold")
    figure.supxlabel("time (s)", fontsize=9)
    figure.supylabel("time (s)", fontsize=9)
    figure.suptitle(
        f"{video}: approximate frame × frame correlation, {len(np.unique(chosen))} of "
        f"{len(time)} frames"
    )
    save(figure, path)


def _draw_matrix(axis: Axes, r: np.ndarray, span: tuple[float, float]) -> None:
    """Draw one matrix with its own colour bar, as deep and early layers differ much in range."""
    others = r[~np.eye(len(r), dtype=bool)]
    others = others[np.isfinite(others)]
    low = min(np.percentile(others, 1), 0.99) if len(others) else 0.0
    axis.set_facecolor(MISSING_COLOUR)
    image = axis.imshow(
        r, vmin=low, vmax=1, extent=(*span, *span[::-1]), cmap="magma", interpolation="nearest"
    )
    axis.figure.colorbar(image, ax=axis, shrink=0.8, extend="min", label="r (no unit)")


def evenly_timed(time_s: np.ndarray, count: int) -> np.ndarray:
    """Return the frames nearest to `count` evenly spaced times, or all of fewer frames.

    With a variable rate a frame may come more than once, so that the axes stay linear in time.

    Parameters
    ----------
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    count : int
        Number of times.

    Returns
    -------
    (min(n, count),) int64 array
        Indices of frames, ascending.

    Examples
    --------
    >>> evenly_timed(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), 3)
    array([0, 2, 4])
    """
    wanted = np.linspace(time_s[0], time_s[-1], min(len(time_s), count))
    after = np.clip(np.searchsorted(time_s, wanted), 1, len(time_s) - 1)
    nearer_before = wanted - time_s[after - 1] < time_s[after] - wanted
    return after - nearer_before


def correlation_from_sketch(sketch: np.ndarray) -> np.ndarray:
    """Estimate Pearson r between all pairs of frames, as the cosine of their sketches.

    Parameters
    ----------
    sketch : (n, 512) float16 array
        Projections of the standardised activations.

    Returns
    -------
    (n, n) float64 array
        NaN where a frame's activations are constant (its sketch is all zero).

    Examples
    --------
    >>> correlation_from_sketch(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], np.float16)).round(2)
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    sketch = sketch.astype(float)
    norm = np.linalg.norm(sketch, axis=1, keepdims=True)
    unit = np.divide(sketch, norm, out=np.full_like(sketch, np.nan), where=norm > 0)
    return np.clip(unit @ unit.T, -1.0, 1.0)
