"""The timeline of one video: thumbnails, change series, thresholds, salient frames, segments."""

import io
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from chronovision.core.columns import SALIENT, THRESHOLD, change_layers
from chronovision.core.labels import variant_label
from chronovision.core.metrics import METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.core.timing import time_span
from chronovision.core.variants import Variant
from chronovision.figures.style import (
    FAINT,
    INK,
    MAX_POINTS,
    THRESHOLD_COLOURS,
    WIDTH,
    envelope,
    needs_log,
    new_figure,
    save,
    scale_changes,
    thin_marks,
)
from chronovision.videos.thumbnails import nearest_thumbnails

#: Height of the strip of thumbnails in inches.
_STRIP_HEIGHT = 0.8
#: Height of the rail of segments in inches.
_RAIL_HEIGHT = 0.2
#: Height of a layer's row in inches.
_ROW_HEIGHT = 0.95
#: Height of both margins together in inches.
_MARGINS = 1.3

#: Most boundaries that are drawn as lines. More lines would hide the series, so that only the rail
#: shows them.
_MAX_BOUNDARIES = 120


def draw_timeline(
    path: str | PathLike,
    variant: Variant,
    video: str,
    changes: pd.DataFrame,
    accumulators: pd.DataFrame,
    segments: pd.DataFrame,
    thumbnails: str | PathLike,
) -> None:
    """Draw the timeline of one metric and threshold.

    Parameters
    ----------
    path : path-like
        File of the figure.
    variant : Variant
        Variant of the tables.
    video : str
        Id of the video, for the title.
    changes, accumulators, segments : DataFrame
        Tables of the video for this variant.
    thumbnails : path-like
        The video's ``thumbnails.h5``.
    """
    layers = change_layers(changes.columns)
    rows = _ROW_HEIGHT * max(len(layers), 1.6)
    figure = new_figure(_MARGINS + _STRIP_HEIGHT + _RAIL_HEIGHT + rows)
    figure.set_layout_engine("constrained", h_pad=0.02, hspace=0)
    heights = [_STRIP_HEIGHT, _RAIL_HEIGHT] + [rows / len(layers)] * len(layers)
    strip, rail, *axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    time = changes["time_s"].to_numpy()
    log = needs_log([changes[layer].to_numpy() for layer in layers])
    colour = THRESHOLD_COLOURS[variant.threshold]
    for axis, layer in zip(axes, layers, strict=True):
        _draw_boundaries(axis, segments)
        _draw_layer(axis, layer, time, changes, accumulators, log=log, colour=colour)
    axes[-1].set_xlim(*time_span(time))
    axes[-1].set_xlabel("time (s)")
    scale = "log scale, 0 at the lower edge" if log else "linear scale"
    figure.supylabel(f"change: {METRICS[variant.metric].axis_label}\n{scale}", fontsize=9)
    figure.suptitle(f"{video}: {variant_label(variant)}")
    figure.legend(handles=_legend(variant.threshold, colour), loc="outside lower center", ncols=4)
    _draw_rail(rail, segments)
    _draw_strip(figure, strip, thumbnails, time_span(time))
    save(figure, path)


def _draw_layer(
    axis: Axes,
    layer: str,
    time: np.ndarray,
    changes: pd.DataFrame,
    accumulators: pd.DataFrame,
    *,
    log: bool,
    colour: str,
) -> None:
    values = changes[layer].to_numpy(dtype=float)
    threshold = accumulators[f"{layer}{THRESHOLD}"].to_numpy(dtype=float)
    salient = accumulators[f"{layer}{SALIENT}"].to_numpy() == 1
    scale_changes(axis, [values, threshold], values, log)
    floor = axis.get_ylim()[0]
    _plot_above(axis, floor, *envelope(time, values), color=INK, linewidth=0.7)
    # In a long film a threshold that goes up and down is a band: it must not hide the changes.
    band = len(time) > MAX_POINTS and np.ptp(threshold) > 0
    line: dict[str, Any] = {"linewidth": 1.1}
    if band:
        line = {"linewidth": 0.5, "alpha": 0.45, "zorder": 1}
    _plot_above(axis, floor, *envelope(time, threshold), color=colour, **line)
    if salient.any():
        x, y = thin_marks(time[salient], values[salient])
        look: dict[str, Any] = {"markersize": 3.5 if len(x) < 200 else 2.0, "markeredgewidth": 0}
        look |= {"marker": "o", "linestyle": "none", "clip_on": False}
        _plot_above(axis, floor, x, y, color=colour, **look)
    axis.set_ylabel(layer, rotation=0, ha="right", va="center", fontweight="bold")
    note = f"{salient.sum()} salient"
    if log and axis.get_yscale() != "log":
        note += "\nlinear scale"
    axis.annotate(note, (1.012, 0.5), xycoords="axes fraction", va="center", fontsize=8)


def _plot_above(axis: Axes, floor: float, x: np.ndarray, y: np.ndarray, **look: Any) -> None:
    """Plot with everything below the floor raised to it.

    On a log axis 0 lies infinitely low: a mark that is not clipped would take the layout there.
    """
    axis.plot(x, np.maximum(y, floor), **look)


def _draw_boundaries(axis: Axes, segments: pd.DataFrame) -> None:
    starts = segments["start_s"].to_numpy()[1:]
    if len(starts) <= _MAX_BOUNDARIES:
        for start in starts:
            axis.axvline(start, color=FAINT, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0.5)


def _draw_rail(axis: Axes, segments: pd.DataFrame) -> None:
    """Draw segments as blocks of alternating shade."""
    shades = [("#9db7c9", "#3f6480")[index % 2] for index in range(len(segments))]
    spans = list(zip(segments["start_s"], segments["duration_s"], strict=True))
    axis.broken_barh(spans, (0, 1), facecolors=shades)
    axis.set_ylim(0, 1)
    axis.set_ylabel("segments", rotation=0, ha="right", va="center", fontsize=8)
    axis.set_yticks([])
    axis.tick_params(axis="x", bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)


def _draw_strip(
    figure: Figure, axis: Axes, thumbnails: str | PathLike, span: tuple[float, float]
) -> None:
    """Draw thumbnails in equal slots of the time axis, each near the slot's middle in time."""
    axis.set_ylim(0, 1)
    axis.set_axis_off()
    # The width of the axes is known only once the layout has been made.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    box = axis.get_position()
    aspect = box.width * WIDTH / (box.height * figure.get_figheight())
    slots = max(int(aspect), 1)
    edges = np.linspace(*span, slots + 1)
    half = 0.49 * min((span[1] - span[0]) / aspect, edges[1] - edges[0])
    middles = (edges[:-1] + edges[1:]) / 2
    limits = axis.get_xlim()
    images = nearest_thumbnails(thumbnails, edges[:-1], edges[1:])
    for middle, image in zip(middles, images, strict=True):
        picture = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
        axis.imshow(picture, extent=(middle - half, middle + half, 0, 1), aspect="auto")
    axis.set_xlim(*limits)


def _legend(threshold: str, colour: str) -> list[Line2D]:
    dashes = (0, (4, 2))
    return [
        Line2D([], [], color=INK, linewidth=0.9, label="change to the previous frame"),
        Line2D([], [], color=colour, linewidth=1.3, label=THRESHOLD_KINDS[threshold].label),
        Line2D([], [], color=colour, marker="o", linestyle="none", label="salient frame"),
        Line2D([], [], color=FAINT, linestyle=dashes, label="segment boundary"),
    ]
