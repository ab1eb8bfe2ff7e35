"""The control of pixel changes: the same rule on what needs no network, where it can be applied."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chronovision.salience.thresholds import Thresholds, change_range, resolve_thresholds

#: Stands for the change of the pixels among the names of layers.
PIXELS = "pixel_change"


def free_thresholds(thresholds: Mapping) -> dict[str, Any]:
    """The config's ``thresholds`` for pixels: what is fixed there is in units of the layers."""
    free = dict(thresholds)
    if "dynamic" in free:
        free["dynamic"] = {**free["dynamic"], "tmax": None, "tmin": "min"}
    return free


def pixel_ranges(
    pixels: Mapping[str, np.ndarray], thresholds: Mapping, *, pooled: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Fmin and Fmax, each (1,), of the pixels' change in each video, or in all if `pooled`.

    Parameters
    ----------
    pixels : video -> (n,) change of the pixels; NaN first.
    thresholds : the config's.
    """
    together = np.concatenate(list(pixels.values()))
    scopes = {name: together if pooled else own for name, own in pixels.items()}
    return {name: change_range(one[:, np.newaxis], thresholds) for name, one in scopes.items()}


def why_not_counted(
    ranges: Mapping[str, tuple[np.ndarray, np.ndarray]], thresholds: Mapping
) -> dict[str, str] | None:
    """Why there is no such control, as ``reason`` and ``remedy``; None if there can be one.

    Pixels that change nearly evenly have a Tmax = tmax_scale·(Fmax + Fmin)/2 below their Tmin =
    Fmin if ``tmax_scale`` is below 2·Fmin/(Fmax + Fmin). Then no set of thresholds is theirs.

    Parameters
    ----------
    ranges : of `pixel_ranges`.
    thresholds : the config's; without ``dynamic`` only the static threshold is asked for, which
        every range has.
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
    """Thresholds of the pixels' change in each video, if `why_not_counted` knows of no obstacle.

    Parameters
    ----------
    ranges : of `pixel_ranges`.
    thresholds : the config's.
    """
    free = free_thresholds(thresholds)
    return {name: resolve_thresholds(*ends, [PIXELS], free) for name, ends in ranges.items()}
