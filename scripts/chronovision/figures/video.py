"""Figures of one video."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import SubFigure

from chronovision.core.columns import COUNT, SALIENT, THRESHOLD, change_layers, layer_columns
from chronovision.core.keys import Paths, VariantPaths, by_folder, by_variant_folder
from chronovision.core.metrics import METRICS
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import read_header, read_numbers, read_table
from chronovision.core.timing import time_span
from chronovision.core.variants import Variant
from chronovision.figures.matrices import draw_heatmaps, draw_similarity
from chronovision.figures.style import (
    INK,
    MISSING_COLOUR,
    THRESHOLD_COLOURS,
    envelope,
    layer_colours,
    needs_log,
    new_figure,
    panels,
    plain_log_ticks,
    save,
    styled,
)
from chronovision.figures.timeline import draw_timeline


@dataclass(frozen=True)
class VideoResults:
    """Paths of the results of one video.

    changes is keyed by metric, accumulators and segments by variant.
    """

    video: str
    features: str | PathLike
    thumbnails: str | PathLike
    changes: Paths
    accumulators: VariantPaths
    segments: VariantPaths

    @classmethod
    def from_files(cls, video: str, files: Mapping) -> "VideoResults":
        """Return results whose keys are read off their paths; `files`: field -> path or paths."""
        return cls(
            video=video,
            features=files["features"],
            thumbnails=files["thumbnails"],
            changes=by_folder(files["changes"]),
            accumulators=by_variant_folder(files["accumulators"]),
            segments=by_variant_folder(files["segments"]),
        )


def plot_video(*, results: VideoResults, figures: Paths) -> None:
    """Draw the figures of one video.

    Parameters
    ----------
    results : VideoResults
        The results to draw.
    figures : mapping of str to path-like
        Name -> PNG to write. Names are ``timeline.{metric}.{threshold}``, ``counts.{metric}``,
        ``changes.{metric}``, ``heatmaps`` and ``similarity``.

    Raises
    ------
    ValueError
        A figure of another name is asked for.
    """
    made_by = add_step(read_provenance(results.features), "plot_video", {}, ["matplotlib"])
    with styled(made_by):
        for name, path in figures.items():
            _plot(name, path, results)


def _plot(name: str, path: str | PathLike, results: VideoResults) -> None:
    what, _, of = name.partition(".")
    if what == "timeline":
        variant = Variant.parse(of)
        draw_timeline(
            path,
            variant,
            results.video,
            _read_all(results.changes[variant.metric]),
            _read_numbers(results.accumulators[variant], THRESHOLD, SALIENT),
            read_table(results.segments[variant]),
            results.thumbnails,
        )
    elif what == "counts":
        of_metric = {
            variant.threshold: _read_numbers(table, COUNT)
            for variant, table in results.accumulators.items()
            if variant.metric == of
        }
        draw_counts(path, of, results.video, of_metric)
    elif what == "changes":
        draw_changes(path, of, results.video, _read_all(results.changes[of]))
    elif what in ("heatmaps", "similarity"):
        draw = draw_heatmaps if what == "heatmaps" else draw_similarity
        with h5py.File(results.features, "r") as features:
            draw(path, results.video, features)
    else:
        raise ValueError(f"no figure of a video is called {name}")


def _read_all(path: str | PathLike) -> pd.DataFrame:
    """Read a table of numbers, as float64."""
    return read_numbers(path, read_header(path))


def _read_numbers(path: str | PathLike, *endings: str) -> pd.DataFrame:
    """Read the columns of a table whose names end so, as float64."""
    header = read_header(path)
    columns = [name for ending in endings for name in layer_columns(header, ending).values()]
    return read_numbers(path, ["time_s", *columns])


def draw_counts(
    path: str | PathLike, metric: str, video: str, accumulators: Mapping[str, pd.DataFrame]
) -> None:
    """Draw cumulative counts of salient changes over time, one panel per layer.

    Parameters
    ----------
    path : path-like
        File of the figure.
    metric : str
        Metric, for the title.
    video : str
        Id of the video, for the title.
    accumulators : mapping of str to DataFrame
        Kind of threshold -> table of accumulators.
    """
    tables = dict(sorted(accumulators.items(), reverse=True))
    counts = layer_columns(next(iter(tables.values())).columns)
    figure = new_figure(0.9 + 2.0 * -(-len(counts) // 3))
    for axis, (layer, column) in zip(panels(figure, len(counts), 3), counts.items(), strict=True):
        for threshold, table in tables.items():
            start, end = time_span(table["time_s"].to_numpy())
            count = table[column].to_numpy(dtype=float)
            x, y = envelope(table["time_s"].to_numpy(), count)
            axis.step(
                [*x, end],
                [*y, count[-1]],
                where="post",
                color=THRESHOLD_COLOURS[threshold],
                linestyle="-" if threshold == "static" else (0, (5, 1)),
                label=f"{threshold}: {int(count[-1])}",
            )
        axis.set_title(layer, fontweight="bold")
        axis.set_xlim(start, end)
        axis.set_ylim(0, max(1.0, 1.05 * axis.get_ylim()[1]))
        axis.locator_params(axis="y", integer=True)
        axis.legend(loc="upper left")
    figure.supxlabel("time (s)", fontsize=9)
    figure.supylabel("salient changes so far (count)", fontsize=9)
    figure.suptitle(f"{video}: cumulative counts, {METRICS[metric].label}")
    save(figure, path)


def draw_changes(path: str | PathLike, metric: str, video: str, changes: pd.DataFrame) -> None:
    """Draw histograms of change per layer, and the correlation matrix of the layers.

    Parameters
    ----------
    path : path-like
        File of the figure.
    metric : str
        Metric, for title and axis.
    video : str
        Id of the video, for the title.
    changes : DataFrame
        Table of changes. NaN are left out.
    """
    layers = change_layers(changes.columns)
    series = {layer: changes[layer].dropna().to_numpy(dtype=float) for layer in layers}
    log = needs_log(list(series.values()))
    figure = new_figure(max(0.8 + 0.85 * len(layers), 3.6))
    ((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=[1.15, 1])
    _draw_histograms(left, series, METRICS[metric].axis_label, log)
    _draw_layer_correlation(right, changes[layers])
    figure.suptitle(f"{video}: distribution of changes, {METRICS[metric].label}")
    save(figure, path)


def _draw_histograms(
    figure: SubFigure, series: Mapping[str, np.ndarray], label: str, log: bool
) -> None:
    colours = layer_colours(list(series))
    axes = figure.subplots(len(series), 1, squeeze=False).ravel()
    for axis, (layer, values) in zip(axes, series.items(), strict=True):
        on_log = log and bool((values > 0).any())
        shown = values[values > 0] if on_log else values
        if on_log:
            edges = np.geomspace(shown.min() * 0.99, shown.max() * 1.01, 41)
            axis.set_xscale("log")
        else:
            edges = np.linspace(0, values.max(initial=0.0) or 1.0, 41)
        axis.hist(shown, bins=edges, color=colours[layer])
        axis.set_xlim(edges[0], edges[-1])
        if on_log:
            plain_log_ticks(axis.xaxis)
        axis.set_ylabel(layer, rotation=0, ha="right", va="center", fontweight="bold")
        axis.locator_params(axis="y", nbins=3, integer=True)
        note = f"n = {len(values)}"
        if hidden := len(values) - len(shown):
            note += f"\n{hidden} zeros not shown"
        if log and not on_log:
            note += "\nlinear scale"
        axis.annotate(note, (0.99, 0.95), xycoords="axes fraction", ha="right", va="top", size=8)
    figure.supxlabel(f"{label}, {'log' if log else 'linear'} scale", fontsize=9)
    figure.supylabel("frames (count)", fontsize=9)


def _draw_layer_correlation(figure: SubFigure, changes: pd.DataFrame) -> None:
    layers = list(changes.columns)
    matrix = changes.corr().to_numpy()
    axis = figure.subplots()
    axis.set_facecolor(MISSING_COLOUR)
    image = axis.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
    for row, column in np.ndindex(matrix.shape):
        value = matrix[row, column]
        text = "n/a" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if abs(value) > 0.6 else INK
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axis.set_xticks(range(len(layers)), layers, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(layers)), layers)
    axis.spines[:].set_visible(False)
    axis.set_title("correlation of changes between layers")
    figure.colorbar(image, ax=axis, shrink=0.7, label="Pearson r (no unit)")
