"""Figures of a set of videos."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from os import PathLike
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chronovision.core.columns import layer_columns
from chronovision.core.keys import Paths, VariantPaths
from chronovision.core.labels import variant_label
from chronovision.core.metrics import METRICS
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import read_table
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.core.variants import Variant
from chronovision.duration.estimators import ESTIMATORS
from chronovision.figures.style import (
    FAINT,
    INK,
    PALETTE,
    group_colours,
    layer_colours,
    new_figure,
    panels,
    save,
    styled,
)

_IDENTITY = (0, (4, 2))

#: Most characters of a name in a legend, so that panels keep their width.
_NAME_LENGTH = 24


def plot_set(
    *, summary: str | PathLike, clips: VariantPaths, predictions: VariantPaths, figures: Paths
) -> None:
    """Draw the figures of a set.

    Parameters
    ----------
    summary : path-like
        ``accumulators/summary.tsv``.
    clips, predictions : mapping of Variant to path-like
        Variant -> table. The figure of a table without rows says why there are no points.
    figures : mapping of str to path-like
        Name -> PNG to write. Names are ``counts_vs_duration.{metric}.{threshold}``,
        ``predicted_vs_real.{metric}.{threshold}`` (if a model was fitted), ``static_vs_dynamic``
        (with both thresholds) and ``metric_vs_metric`` (with two metrics or more).

    Raises
    ------
    ValueError
        A figure of another name is asked for.
    """

    def of_rows(draw: Callable, tables: VariantPaths) -> Callable:
        def draw_or_say_why(path: str | PathLike, name: str) -> None:
            variant = Variant.parse(name)
            why = read_provenance(tables[variant]).get("why_empty")
            if why is None:
                draw(path, variant, read_table(tables[variant]))
            else:
                draw_reason(path, variant, why["reason"])

        return draw_or_say_why

    drawers = {
        "counts_vs_duration": of_rows(draw_counts_vs_duration, clips),
        "predicted_vs_real": of_rows(draw_predictions, predictions),
        "static_vs_dynamic": lambda path, _: draw_static_vs_dynamic(path, read_table(summary)),
        "metric_vs_metric": lambda path, _: draw_metric_vs_metric(path, read_table(summary)),
    }
    with styled(add_step(read_provenance(summary), "plot_set", {}, ["matplotlib"])):
        for name, path in figures.items():
            what, _, of = name.partition(".")
            if what not in drawers:
                raise ValueError(f"no figure of a set is called {name}")
            drawers[what](path, of)


def draw_predictions(path: str | PathLike, variant: Variant, predictions: pd.DataFrame) -> None:
    """Draw out-of-fold predictions against real durations, one panel per estimator.

    Parameters
    ----------
    path : path-like
        File of the figure.
    variant : Variant
        Variant, for the title.
    predictions : DataFrame
        Table of predictions, see `chronovision.duration.predictions.COLUMNS`.
    """
    estimators = list(predictions["estimator"].unique())
    colours = group_colours(predictions["group"])
    figure = new_figure(4.6 * -(-len(estimators) // 2) + 0.4)
    top = 1.05 * predictions[["duration_s", "predicted_s"]].max().max()
    bottom = min(0.0, 1.05 * predictions["predicted_s"].min())
    for axis, estimator in zip(panels(figure, len(estimators), 2), estimators, strict=True):
        rows = predictions[predictions["estimator"] == estimator]
        axis.plot([0, top], [0, top], color=FAINT, linestyle=_IDENTITY, linewidth=1)
        _scatter(axis, rows["duration_s"], rows["predicted_s"], rows["group"].map(colours))
        title = f"{ESTIMATORS[estimator].label}, {len(rows)} predictions"
        axis.set(xlim=(0, top), ylim=(bottom, top), title=title)
        axis.set_aspect("equal", adjustable="box")
    figure.supxlabel("true duration of the clip (s)", fontsize=9)
    figure.supylabel("predicted duration, out of fold (s)", fontsize=9)
    figure.suptitle(f"Predicted and true durations: {variant_label(variant)}")
    identity = Line2D([], [], color=FAINT, linestyle=_IDENTITY, label="predicted = true")
    _legend(figure, colours, [identity], "groups")
    save(figure, path)


def draw_reason(path: str | PathLike, variant: Variant, reason: str) -> None:
    """Draw the reason why there is nothing to draw, in place of a figure.

    Parameters
    ----------
    path : path-like
        File of the figure.
    variant : Variant
        Variant, for the title.
    reason : str
        A clause without a full stop.
    """
    lines = textwrap.wrap(f"Nothing to show: {reason}.", 90)
    figure = new_figure(1.0 + 0.25 * len(lines))
    figure.text(0.5, 0.45, "\n".join(lines), ha="center", va="center", color=INK)
    figure.suptitle(f"Durations: {variant_label(variant)}")
    save(figure, path)


def draw_counts_vs_duration(path: str | PathLike, variant: Variant, clips: pd.DataFrame) -> None:
    """Draw counts of salient changes against durations of clips, one panel per layer.

    Parameters
    ----------
    path : path-like
        File of the figure.
    variant : Variant
        Variant, for the title.
    clips : DataFrame
        Clip table, see `chronovision.duration.clips.build_clip_table`.
    """
    counts = layer_columns(clips.columns)
    colours = group_colours(clips["group"])
    figure = new_figure(0.9 + 2.7 * -(-len(counts) // 3))
    for axis, (layer, column) in zip(panels(figure, len(counts), 3), counts.items(), strict=True):
        x, y = clips["duration_s"].to_numpy(), clips[column].to_numpy(dtype=float)
        rate = y.sum() / x.sum()
        axis.plot([0, x.max()], [0, rate * x.max()], color=FAINT, linestyle=_IDENTITY, linewidth=1)
        _scatter(axis, x, y, clips["group"].map(colours))
        axis.set_title(f"{layer}: {rate:.3g} per second", fontweight="bold")
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="y", integer=True)
    figure.supxlabel("duration of the clip (s)", fontsize=9)
    figure.supylabel("salient changes in the clip (count)", fontsize=9)
    figure.suptitle(f"Counts and durations of {len(clips)} clips: {variant_label(variant)}")
    rate_line = Line2D([], [], color=FAINT, linestyle=_IDENTITY, label="constant rate of all clips")
    _legend(figure, colours, [rate_line], "groups")
    save(figure, path)


def draw_static_vs_dynamic(path: str | PathLike, summary: pd.DataFrame) -> None:
    """Draw counts under the dynamic against those under the static threshold, per metric.

    Parameters
    ----------
    path : path-like
        File of the figure.
    summary : DataFrame
        ``accumulators/summary.tsv``. A point is one layer of one video.
    """
    metrics = list(summary["metric"].unique())
    static, dynamic = THRESHOLD_KINDS["static"], THRESHOLD_KINDS["dynamic"]
    pairs = [
        Pair(
            title=METRICS[metric].label,
            x_label=f"{static.label} (count)",
            y_label=f"{dynamic.label} (count)",
            x=_counts(summary, metric, static.name),
            y=_counts(summary, metric, dynamic.name),
        )
        for metric in metrics
    ]
    _draw_pairs(path, pairs, "Static and dynamic threshold: salient changes per video and layer")


def draw_metric_vs_metric(path: str | PathLike, summary: pd.DataFrame) -> None:
    """Draw counts under one metric against those under another, per pair and threshold.

    Parameters
    ----------
    path : path-like
        File of the figure.
    summary : DataFrame
        ``accumulators/summary.tsv``. A point is one layer of one video.
    """
    pairs = [
        Pair(
            title=THRESHOLD_KINDS[threshold].label,
            x_label=f"{METRICS[one].label} (count)",
            y_label=f"{METRICS[other].label} (count)",
            x=_counts(summary, one, threshold),
            y=_counts(summary, other, threshold),
        )
        for one, other in combinations(summary["metric"].unique(), 2)
        for threshold in summary["threshold"].unique()
    ]
    _draw_pairs(path, pairs, "Metrics of change: salient changes per video and layer")


class Pair(NamedTuple):
    """Counts that one panel compares: videos × layers, on either axis."""

    title: str
    x_label: str
    y_label: str
    x: pd.DataFrame
    y: pd.DataFrame


def _draw_pairs(path: str | PathLike, pairs: Sequence[Pair], title: str) -> None:
    """Draw one panel per pair; both axes are symmetric-log since counts may be 0."""
    layers = list(pairs[0].x.columns)
    colours = layer_colours(layers)
    columns = 3 if len(pairs) > 4 else 2
    figure = new_figure(0.8 + (10 / columns - 0.4) * -(-len(pairs) // columns))
    largest = max(counts.to_numpy().max() for pair in pairs for counts in (pair.x, pair.y))
    top = 1.5 * max(1.0, largest)
    for axis, pair in zip(panels(figure, len(pairs), columns), pairs, strict=True):
        axis.plot([0, top], [0, top], color=FAINT, linestyle=_IDENTITY, linewidth=1)
        for layer in layers:
            _scatter(axis, pair.x[layer], pair.y[layer], colours[layer], size=26)
        _count_scale(axis, top)
        axis.set_title(f"{pair.title}\n{_rank_correlation(pair.x, pair.y)}")
        axis.set(xlabel=pair.x_label, ylabel=pair.y_label)
    figure.suptitle(title)
    identity = Line2D([], [], color=FAINT, linestyle=_IDENTITY, label="equal counts")
    _legend(figure, colours, [identity], "layers")
    save(figure, path)


def _count_scale(axis: Axes, top: float) -> None:
    ticks = [0, *(10**power for power in range(int(np.log10(top)) + 1))]
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_yscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.set(xlim=(-0.15, top), ylim=(-0.15, top))
    axis.minorticks_off()
    axis.set_aspect("equal", adjustable="box")


def _rank_correlation(x: pd.DataFrame, y: pd.DataFrame) -> str:
    """Return Spearman's rho over videos and layers, in words; n/a if one side does not vary."""
    a, b = x.to_numpy().ravel(), y.to_numpy().ravel()
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return "rank correlation n/a"
    rho = pd.Series(a).rank().corr(pd.Series(b).rank())
    return f"rank correlation {rho:.2f} (no unit), n = {len(a)}"


def _counts(summary: pd.DataFrame, metric: str, threshold: str) -> pd.DataFrame:
    """Return the counts of one variant: videos × layers."""
    chosen = (summary["metric"] == metric) & (summary["threshold"] == threshold)
    rows = summary[chosen].set_index("video").sort_index()
    columns = layer_columns(summary.columns)
    return rows[[*columns.values()]].set_axis([*columns], axis="columns")


def _scatter(
    axis: Axes,
    x: np.ndarray | pd.Series,
    y: np.ndarray | pd.Series,
    colour: str | pd.Series,
    size: float = 14,
) -> None:
    axis.scatter(x, y, color=colour, s=size, alpha=0.65, linewidths=0, clip_on=False)


def _legend(figure: Figure, colours: Mapping, extra: list[Line2D], noun: str) -> None:
    """Draw the names of the colours; only their number when all share one colour."""
    named = colours
    if len(colours) > len(PALETTE) and len(set(colours.values())) == 1:
        label = f"{len(colours)} {noun}, too many to colour"
        named = {label: next(iter(colours.values()))}
    dots = [
        Line2D([], [], color=colour, marker="o", linestyle="none", label=_shortened(str(name)))
        for name, colour in named.items()
    ]
    figure.legend(
        handles=dots + extra,
        loc="outside right upper",
        labelcolor=INK,
    )


def _shortened(name: str) -> str:
    """Return beginning and end of a long name, as either may tell it from others."""
    if len(name) <= _NAME_LENGTH:
        return name
    end = _NAME_LENGTH // 2 - 1
    return f"{name[: _NAME_LENGTH - end - 1]}…{name[-end:]}"
