"""Style of all figures: look, saving, thinning of long series, readable axes."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from chronovision.core.files import atomic_file

if TYPE_CHECKING:  # not in the oldest Matplotlib that serves
    from matplotlib.typing import RcKeyType

#: Resolution of all figures, in pixels per inch.
DPI = 110
#: Width of a figure in inches: 1100 pixels, a page's width.
WIDTH = 10.0

#: Colours of Okabe and Ito, which colour-blind readers can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A800")
#: Colour of text and lines.
INK = "#222222"
#: Colour of what stands in the background.
FAINT = "#8a8a8a"
#: Colour of missing values.
MISSING_COLOUR = "#d9d9d9"
#: Colour of each kind of threshold.
THRESHOLD_COLOURS = {"static": PALETTE[0], "dynamic": PALETTE[1]}

#: Most points of a drawn series: about two per pixel column.
MAX_POINTS = 2400

#: Multiple of the median beyond which a largest change would flatten the rest of a linear axis.
LINEAR_RANGE = 10.0

#: Matplotlib's settings for all figures.
_STYLE: "dict[RcKeyType, Any]" = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "figure.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    # Names of videos, layers and groups may hold a dollar sign.
    "text.parse_math": False,
}


#: Provenance of the figures that are being drawn, as JSON.
_MADE_BY: ContextVar[str] = ContextVar("made_by", default="")


@contextmanager
def styled(provenance: Mapping | None = None) -> Iterator[None]:
    """Make and save figures within this context, as PNGs with the text ``Provenance``."""
    token = _MADE_BY.set("" if provenance is None else json.dumps(provenance))
    try:
        with matplotlib.rc_context(_STYLE):
            yield
    finally:
        _MADE_BY.reset(token)


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure, sizes in inches, without any global state."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | PathLike) -> None:
    """Write a PNG atomically; equal figures give equal bytes."""
    with atomic_file(path) as part:
        made_by = {"Provenance": _MADE_BY.get()} if _MADE_BY.get() else {}
        figure.savefig(part, format="png", metadata={"Software": None, **made_by})


def panels(figure: Figure, count: int, columns: int) -> list[Axes]:
    """Return `count` axes in rows of at most `columns`; the rest of the last row stays blank."""
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.set_axis_off()
    return list(axes[:count])


def layer_colours(layers: Sequence[str]) -> dict[str, tuple]:
    """Return a colour for each layer, dark to light with depth (viridis)."""
    shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, len(layers)))
    return {layer: tuple(shade) for layer, shade in zip(layers, shades, strict=True)}


def group_colours(groups: Sequence[str]) -> dict[str, str]:
    """Return a colour for each group, or one for all if there are more groups than colours."""
    names = sorted(set(groups))
    if len(names) > len(PALETTE):
        return dict.fromkeys(names, PALETTE[0])
    return dict(zip(names, PALETTE, strict=False))


def envelope(
    x: np.ndarray, y: np.ndarray, max_points: int = MAX_POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """Thin a series to at most `max_points` without losing a peak or a trough.

    Runs of neighbouring points are replaced by their smallest and largest point, in the order in
    which these come. NaN are left out.

    Parameters
    ----------
    x, y : (n,) float64 array
        Points of the series, x ascending.
    max_points : int, default 2400
        Most points to keep.

    Returns
    -------
    x, y : (m,) float64 array
        Points of the given series, m ≤ max(n, max_points).

    Examples
    --------
    >>> x, y = envelope(np.arange(6.0), np.array([0.0, 9.0, 1.0, 2.0, 3.0, -5.0]), max_points=4)
    >>> x.tolist(), y.tolist()
    ([0.0, 1.0, 4.0, 5.0], [0.0, 9.0, 3.0, -5.0])
    """
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if len(y) <= max_points:
        return x, y
    kept = []
    for run in np.array_split(np.arange(len(y)), max_points // 2):
        kept += sorted((run[np.argmin(y[run])], run[np.argmax(y[run])]))
    return x[kept], y[kept]


def thin_marks(x: np.ndarray, y: np.ndarray, bins: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Keep only the highest of marks that are too close to be told apart.

    Parameters
    ----------
    x, y : (n,) float64 array
        Positions of the marks, x ascending.
    bins : int, default 1000
        Number of columns into which the range of x is divided.

    Returns
    -------
    x, y : (m,) float64 array
        Positions of the marks that are kept, m ≤ min(n, bins), x ascending.

    Examples
    --------
    >>> x, y = thin_marks(np.array([0.0, 0.1, 9.0]), np.array([1.0, 2.0, 1.0]), bins=2)
    >>> x.tolist(), y.tolist()
    ([0.1, 9.0], [2.0, 1.0])
    """
    if len(x) <= bins:
        return x, y
    column = ((x - x[0]) / (x[-1] - x[0]) * (bins - 1)).astype(int)
    order = np.lexsort((-y, column))
    first = np.unique(column[order], return_index=True)[1]
    return x[order][first], y[order][first]


def needs_log(series: Sequence[np.ndarray]) -> bool:
    """Return whether some series of changes has a peak that would flatten the rest."""
    positive = [values[np.isfinite(values) & (values > 0)] for values in series]
    return any(len(v) > 0 and v.max() > LINEAR_RANGE * np.median(v) for v in positive)


def scale_changes(axis: Axes, drawn: Sequence[np.ndarray], changes: np.ndarray, log: bool) -> None:
    """Set limits, scale and ticks of a y axis of changes.

    Parameters
    ----------
    axis : Axes
        The axes.
    drawn : sequence of ndarray
        Everything that the axis shows (changes and thresholds).
    changes : ndarray
        The change series. Under `log` its lowest percentile sets the lower edge, to which the
        caller raises zeros and negative thresholds.
    log : bool
        Whether the axis is logarithmic. Without any positive change it is linear all the same.
    """
    finite = np.concatenate([values[np.isfinite(values)] for values in drawn])
    positive = changes[np.isfinite(changes) & (changes > 0)]
    top = finite.max(initial=0.0)
    if log and len(positive):
        axis.set_yscale("log")
        axis.set_ylim(0.5 * np.percentile(positive, 1), 1.6 * top)
        plain_log_ticks(axis.yaxis)
    else:
        # Thresholds just above a change of 0 are too small a number for an axis.
        axis.set_ylim(min(0.0, finite.min(initial=0.0)), 1.08 * top if top > 1e-300 else 1.0)
        axis.locator_params(axis="y", nbins=3)


def plain_log_ticks(axis: matplotlib.axis.Axis) -> None:
    """Label the ticks of a log axis as 0.01, 0.1, 1 and 1e-05, without mathematical markup.

    Ticks are at powers of ten, and at twice and five times these where the limits hold few of them.
    """
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high < 30 * low else (1.0,)
    axis.set_major_locator(LogLocator(numticks=5, subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
