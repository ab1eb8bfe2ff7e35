"""Thresholds of salience: from the range of a layer's changes, or fixed in the config."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chronovision.core.columns import FRAME_COLUMNS
from chronovision.core.provenance import add_step, merge, read_provenance
from chronovision.core.tables import read_table, write_table
from chronovision.errors import UserError


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the layers in units of the change.

    Attributes
    ----------
    static : (layers,) float64 array
        Static threshold.
    tmax, tmin : (layers,) float64 array or None
        Tmax and Tmin of the dynamic threshold; None if only the static threshold is computed.
    """

    static: np.ndarray
    tmax: np.ndarray | None = None
    tmin: np.ndarray | None = None

    def beside(self, other: "Thresholds") -> "Thresholds":
        """Return these thresholds followed by the other's, as those of one list of layers."""
        return Thresholds(
            np.concatenate([self.static, other.static]),
            _joined(self.tmax, other.tmax),
            _joined(self.tmin, other.tmin),
        )

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return Tmax and Tmin; ValueError where only the static threshold is computed."""
        if self.tmax is None or self.tmin is None:
            raise ValueError("these thresholds are static alone")
        return self.tmax, self.tmin


def _joined(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else np.concatenate([one, other])


def change_range(changes: np.ndarray, thresholds: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Return Fmin and Fmax of each layer.

    Parameters
    ----------
    changes : (n, layers) float64 array
        Changes. NaN, as in first frames, is left out.
    thresholds : mapping
        The config's ``thresholds``. ``range`` is ``minmax``, or ``percentile`` with the two
        ``percentiles`` (linear interpolation).

    Returns
    -------
    low, high : (layers,) float64 array
        Fmin and Fmax.

    Examples
    --------
    >>> changes = np.array([[np.nan], [0.0], [1.0], [4.0]])
    >>> change_range(changes, {"range": "minmax"})
    (array([0.]), array([4.]))
    >>> change_range(changes, {"range": "percentile", "percentiles": [0, 50]})
    (array([0.]), array([1.]))
    """
    if thresholds["range"] == "minmax":
        return np.nanmin(changes, axis=0), np.nanmax(changes, axis=0)
    low, high = np.nanpercentile(changes, thresholds["percentiles"], axis=0)
    return low, high


def resolve_thresholds(
    low: np.ndarray, high: np.ndarray, layers: list[str], thresholds: Mapping
) -> Thresholds:
    """Return the thresholds of each layer from its range of change, Fmin = `low` to Fmax = `high`.

    The static threshold is (Fmax + Fmin)/2. Tmax is tmax_scale·(Fmax + Fmin)/2 or fixed, Tmin is
    Fmin or fixed. Fmax = Fmin happens if a layer's change never differs, or if the percentiles
    coincide. Thresholds then lie just above that change, so that only a larger one can be salient.

    Parameters
    ----------
    low, high : (layers,) float64 array
        See `change_range`.
    layers : list of str
        Names of the layers.
    thresholds : mapping
        The config's ``thresholds``. Without ``dynamic`` only the static threshold is set.

    Returns
    -------
    Thresholds

    Raises
    ------
    UserError
        A fixed value is missing for a layer, or Tmin exceeds Tmax.

    Examples
    --------
    >>> low, high = np.array([0.25]), np.array([0.75])
    >>> dynamic = {"tmax": None, "tmax_scale": 1.0, "tmin": "min"}
    >>> found = resolve_thresholds(low, high, ["fc7"], {"dynamic": dynamic})
    >>> found.static, found.tmax, found.tmin
    (array([0.5]), array([0.5]), array([0.25]))
    """
    constant = high == low
    just_above_max = np.nextafter(high, np.inf)
    static = np.where(constant, just_above_max, (high + low) / 2)
    if "dynamic" not in thresholds:
        return Thresholds(static)
    dynamic = thresholds["dynamic"]
    if dynamic["tmin"] == "min":
        tmin = low
    else:
        tmin = _per_layer(dynamic["tmin"], layers, "thresholds.dynamic.tmin")
    if dynamic["tmax"] is None:
        tmax = np.where(constant, just_above_max, dynamic["tmax_scale"] * (high + low) / 2)
        # Tmin = Tmax as well: otherwise the threshold would decay to the constant change and make
        # it salient.
        tmin = np.where(constant, tmax, tmin)
    else:
        tmax = _per_layer(dynamic["tmax"], layers, "thresholds.dynamic.tmax")
        tmin = np.where(constant, np.minimum(tmin, tmax), tmin)
    for layer, upper, lower in zip(layers, tmax, tmin, strict=True):
        if lower > upper:
            raise UserError(
                f"thresholds.dynamic: Tmin = {lower:.6g} of layer {layer} lies above its Tmax = "
                f"{upper:.6g}: raise tmax_scale (or tmax), or lower tmin"
            )
    return Thresholds(static, tmax, tmin)


def _per_layer(value: float | Mapping[str, float], layers: list[str], key: str) -> np.ndarray:
    if not isinstance(value, Mapping):
        return np.full(len(layers), float(value))
    missing = [layer for layer in layers if layer not in value]
    if missing:
        raise UserError(f"{key}: no value for layer {missing[0]}; it names {', '.join(value)}")
    return np.array([float(value[layer]) for layer in layers])


def video_thresholds(
    changes: np.ndarray,
    layers: list[str],
    thresholds: Mapping,
    ranges_path: str | os.PathLike | None,
) -> Thresholds:
    """Return the thresholds of one video: from its own changes, or from the set's ranges if given.

    Parameters
    ----------
    changes : (n, layers) float64 array
        Changes of the whole video; NaN first.
    layers : list of str
        Names of the layers.
    thresholds : mapping
        The config's ``thresholds``.
    ranges_path : path-like or None
        Table of `pool_ranges` if ``scope`` is ``set``, else None.
    """
    if ranges_path is None:
        low, high = change_range(changes, thresholds)
    else:
        ranges = read_table(ranges_path).set_index("layer").loc[layers]
        low, high = ranges["low"].to_numpy(), ranges["high"].to_numpy()
    return resolve_thresholds(low, high, layers, thresholds)


def pool_ranges(
    changes: Mapping[str, str | os.PathLike], output: str | os.PathLike, *, thresholds: Mapping
) -> None:
    """Write Fmin and Fmax of each layer over all videos together (``scope: set``).

    Parameters
    ----------
    changes : mapping of str to path-like
        Video id -> table of changes.
    output : path-like
        TSV ``layer low high n_changes``.
    thresholds : mapping
        The keys of the config's ``thresholds`` that `change_range` reads.

    Raises
    ------
    UserError
        The videos' features are not comparable.
    """
    provenance = merge({video: read_provenance(path) for video, path in changes.items()})
    tables = [read_table(path).drop(columns=[*FRAME_COLUMNS]) for path in changes.values()]
    pooled = pd.concat(tables, ignore_index=True)
    low, high = change_range(pooled.to_numpy(), thresholds)
    ranges = pd.DataFrame(
        {"layer": pooled.columns, "low": low, "high": high, "n_changes": pooled.count().to_numpy()}
    )
    meaning = {
        "layer": ("layer of the network", "name"),
        "low": ("Fmin: least change over the set, or its lower percentile", "as the change"),
        "high": ("Fmax: greatest change over the set, or its upper percentile", "as the change"),
        "n_changes": ("changes that went in", "count"),
    }
    write_table(output, ranges, meaning, add_step(provenance, "pool_ranges", thresholds, ["numpy"]))
