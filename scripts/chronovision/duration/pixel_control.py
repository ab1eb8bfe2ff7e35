"""The pixel control: the rule of salience applied to the change of the pixels."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chronovision.salience.thresholds import Thresholds, change_range, resolve_thresholds

#: Name of the pixels' change among the names of layers.
PIXELS = "pixel_change"


def free_thresholds(thresholds: Mapping) -> dict[str, Any]:
    """Return the config's ``thresholds`` for pixels, without values in units of the layers."""
    free = dict(thresholds)
    if "dynamic" in free:
        free["dynamic"] = {**free["dynamic"], "tmax": None, "tmin": "min"}
    return free


def pixel_ranges(
    pixels: Mapping[str, np.ndarray], thresholds: Mapping, *, pooled: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return Fmin and Fmax of the pixels' change in each video, or in all together if `pooled`.

    Parameters
    ----------
    pixels : mapping of str to (n,) float64 array
        Video -> change of the pixels; NaN first.
    thresholds : mapping
        The config's ``thresholds``.
    pooled : bool
        Whether the range is that of all videos together.

    Returns
    -------
    dict of str to ((1,) float64 array, (1,) float64 array)
        Video -> Fmin and Fmax.

    Examples
    --------
    >>> films = {"a": np.array([np.nan, 1.0, 2.0]), "b": np.array([np.nan, 0.5, 1.0])}
    >>> pixel_ranges(films, {"range": "minmax"}, pooled=True)["a"]
    (array([0.5]), array([2.]))
    """
    together = np.concatenate(list(pixels.values()))
    scopes = {name: together if pooled else own for name, own in pixels.items()}
    return {name: change_range(one[:, np.newaxis], thresholds) for name, one in scopes.items()}


def why_not_counted(
    ranges: Mapping[str, tuple[np.ndarray, np.ndarray]], thresholds: Mapping
) -> dict[str, str] | None:
    """Return why there is no pixel control, as ``reason`` and ``remedy``; None if there can be one.

    If the pixels change nearly evenly, their Tmax = tmax_scale·(Fmax + Fmin)/2 may lie below their
    Tmin = Fmin: it does if ``tmax_scale`` is below 2·Fmin/(Fmax + Fmin). Then they have no
    thresholds.

    Parameters
    ----------
    ranges : mapping of str to (ndarray, ndarray)
        Video -> Fmin and Fmax, see `pixel_ranges`.
    thresholds : mapping
        The config's ``thresholds``. Without ``dynamic`` only the static threshold is computed,
        which every range has.
    """
    if "dynamic" not in thresholds:
        return None
    scale = thresholds["dynamic"]["tmax_scale"]
    sunk = {
        name: 2 * low[0] / (high[0] + low[0])
        for name, (low, high) in ranges.items()
        if low[0] != high[0] and low[0] > scale * (high[0] + low[0]) / 2
    }
    if not sunk:
        return None
    named = min(sunk, key=lambda name: (-sunk[name], name))
    low, high = (float(end[0]) for end in ranges[named])
    return {
        "reason": f"the pixels of {named} change by {low:.4g} to {high:.4g}, so that their Tmax = "
        f"{scale:g}·(Fmax + Fmin)/2 lies below their Tmin = Fmin",
        "remedy": "raise thresholds.dynamic.tmax_scale to "
        f"{math.floor(100 * sunk[named] + 1) / 100:g} (the layers' Tmax rises with it, unless "
        "thresholds.dynamic.tmax is fixed)",
    }


def pixel_thresholds(
    ranges: Mapping[str, tuple[np.ndarray, np.ndarray]], thresholds: Mapping
) -> dict[str, Thresholds]:
    """Return the thresholds of the pixels' change in each video, if `why_not_counted` gives None.

    Parameters
    ----------
    ranges : mapping of str to (ndarray, ndarray)
        Video -> Fmin and Fmax, see `pixel_ranges`.
    thresholds : mapping
        The config's ``thresholds``.
    """
    free = free_thresholds(thresholds)
    return {name: resolve_thresholds(*ends, [PIXELS], free) for name, ends in ranges.items()}
