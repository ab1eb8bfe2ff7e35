"""The metrics of change from frame to frame: a registry, in which a new metric is one entry.

Every metric follows exactly from a few moments of the activations. With d = x_t − x_{t−1}, N units,
population s.d. and |x|² = N(mean² + std²)::

    Var(d)    = step_sq/N − (mean_t − mean_{t−1})²
    1 − r     = (Var(d) − (std_t − std_{t−1})²) / (2 std_t std_{t−1})
    1 − cos   = (step_sq − (|x_t| − |x_{t−1}|)²) / (2 |x_t| |x_{t−1}|)
    Euclidean = sqrt(step_sq)

which does not cancel for nearly identical frames as 1 − Σxy/… does. Two constant frames (two zero
ones under cosine) are 0 apart, one constant frame and another are 1 apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chronovision.core.constant_frames import constant_frames


class Moments(NamedTuple):
    """Moments of a layer's activations x in each frame, as the features file holds them.

    Attributes
    ----------
    mean, std : (n,) float64 array
        Mean and population standard deviation over the N units.
    step_sq : (n,) float64 array
        Σ(x_t − x_{t−1})² over the units; NaN first.
    units : int
        Number N of units in the layer.
    """

    mean: np.ndarray
    std: np.ndarray
    step_sq: np.ndarray
    units: int


@dataclass(frozen=True)
class Metric:
    """A metric that the config can name in ``changes.metrics``.

    Attributes
    ----------
    name : str
        Name in the config, in paths and in tables.
    label : str
        Name in prose.
    axis_label : str
        Label of an axis, with the unit.
    unit : str
        Unit of the columns in a table of changes.
    sentence : str
        Definition, as part of a sentence in a methods section.
    largest : float or None
        Largest possible change, of a metric without a unit that grows with the square of what
        moved; None if there is no bound. The least change is 0.
    change : callable
        Function from `Moments` to the change into each frame, (n,) float64 array, NaN first.

    Notes
    -----
    `chronovision.verification.features.FrameChange` has each definition again, straight from
    activations: results are verified by what does not share this code.
    """

    name: str
    label: str
    axis_label: str
    unit: str
    sentence: str
    largest: float | None
    change: Callable[[Moments], np.ndarray]


def _correlation(moments: Moments) -> np.ndarray:
    """1 − r: the spread is the s.d., what moved is Var(d)."""
    spread = np.where(constant_frames(moments.mean, moments.std), 0.0, moments.std)
    moved = moments.step_sq / moments.units - _difference(moments.mean) ** 2
    return _normalised(moved, spread)


def _cosine(moments: Moments) -> np.ndarray:
    """1 − cos: the spread is the norm |x|, what moved is |d|²."""
    norm = np.sqrt(moments.units * (moments.mean**2 + moments.std**2))
    return _normalised(moments.step_sq, norm)


def _euclidean(moments: Moments) -> np.ndarray:
    return np.sqrt(moments.step_sq)


def _normalised(moved: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return (moved − (spread_t − spread_{t−1})²) / (2 spread_t spread_{t−1}), NaN first.

    It is 0 where both spreads are 0, and 1 where one of them is. Rounding may take a value out of
    [0, 2]: it is clipped.
    """
    before, after = np.concatenate([[np.nan], spread[:-1]]), spread
    scale = 2 * before * after
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.clip((moved - _difference(spread) ** 2) / scale, 0.0, 2.0)
    change = np.where((before == 0) ^ (after == 0), 1.0, change)
    change = np.where((before == 0) & (after == 0), 0.0, change)
    change[0] = np.nan
    return change


def _difference(series: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], np.diff(series)])


#: The metrics by name.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="correlation",
            label="1 − Pearson r",
            axis_label="1 − r (no unit)",
            unit="1 - r",
            sentence="one minus Pearson's correlation, change(t) = 1 − r(x(t), x(t−1))",
            largest=2.0,
            change=_correlation,
        ),
        Metric(
            name="euclidean",
            label="Euclidean distance",
            axis_label="Euclidean distance (activation units)",
            unit="activation",
            sentence="the Euclidean distance, change(t) = √Σᵢ (xᵢ(t) − xᵢ(t−1))²",
            largest=None,
            change=_euclidean,
        ),
        Metric(
            name="cosine",
            label="1 − cosine similarity",
            axis_label="1 − cosine (no unit)",
            unit="1 - cos",
            sentence=(
                "one minus the cosine similarity, change(t) = 1 − x(t)·x(t−1) / (|x(t)| |x(t−1)|)"
            ),
            largest=2.0,
            change=_cosine,
        ),
    )
}
