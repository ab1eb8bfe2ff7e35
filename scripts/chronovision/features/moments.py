"""Moments of activations: a few numbers per frame and layer that determine every change metric."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from chronovision.core.seeds import derive_rng

#: Number of buckets in a sketch.
BUCKETS = 512

#: Number of units processed at a time, which stay in the processor's innermost cache.
BLOCK = 4 * BUCKETS

#: Relaxations of a compiled sum, which may run in the order that suits the processor's vectors.
FASTMATH = {"reassoc", "contract", "nsz"}


def _compiled(function: Callable) -> Callable:
    """Return `function` compiled; the result is cached on disk where there is a folder for it."""
    try:
        return njit(cache=True, nogil=True, fastmath=FASTMATH)(function)
    except RuntimeError:  # neither this package's folder nor the user's home can be written
        return njit(nogil=True, fastmath=FASTMATH)(function)


class Moments(NamedTuple):
    """Moments of one layer's activation x of one frame.

    Attributes
    ----------
    channels : (C,) float32 array
        Mean of each channel over its positions.
    mean, std : float
        Mean and population standard deviation over the N units.
    step_sq : float
        Σ (x − previous x)², NaN without a previous frame.
    sketch : (512,) float16 array
        See `summarise`.
    """

    channels: np.ndarray  #: (C,) float32, mean of each channel over its positions
    mean: float  #: over the N units
    std: float  #: over the N units, ddof 0
    step_sq: float  #: Σ (x − previous x)², NaN without a previous frame
    sketch: np.ndarray  #: (512,) float16, see `summarise`


def random_signs(seed: int, layer: str, units: int) -> np.ndarray:
    """Return the layer's fixed random signs, one per unit.

    Parameters
    ----------
    seed : int
        The config's ``seed``.
    layer : str
        Name of the layer. The signs derive from the seed and this name.
    units : int
        Number of units.

    Returns
    -------
    (units,) int8 array
        Values of −1 and 1.

    Examples
    --------
    >>> signs = random_signs(0, "fc7", 1000)
    >>> np.unique(signs), np.array_equal(signs, random_signs(0, "fc7", 1000))
    (array([-1,  1], dtype=int8), True)
    """
    draws = derive_rng(seed, "sketch", layer).integers(0, 2, size=units, dtype=np.int8)
    return 2 * draws - 1


def summarise(x: np.ndarray, previous: np.ndarray | None, signs: np.ndarray) -> Moments:
    """Compute the moments of one layer's activation of one frame.

    Sums run in float64 around the mean. The difference of two frames is taken in float32, where
    that of near-identical frames is exact. The sketch takes z = (x − mean) / (std · √N). It adds
    unit i (in C, H, W order) times its sign to bucket i mod 512, in float32. It is zero if std is.
    The cosine of two frames' sketches estimates their Pearson r (count sketch, Charikar, Chen &
    Farach-Colton 2004, doi 10.1016/S0304-3975(03)00400-6).

    Parameters
    ----------
    x : (C, P) float32 array
        Contiguous activations of this frame, C channels at P positions.
    previous : (C, P) float32 array or None
        Activations of the frame before; None for the first frame.
    signs : (C · P,) int8 array
        Signs of `random_signs`.

    Returns
    -------
    Moments

    Raises
    ------
    FloatingPointError
        A value of `x` is not finite.

    Examples
    --------
    >>> x = np.array([[1.0, 3.0], [5.0, 7.0]], np.float32)
    >>> moments = summarise(x, x - 1, random_signs(0, "pool1", 4))
    >>> moments.channels, moments.mean, moments.step_sq
    (array([2., 6.], dtype=float32), 4.0, 4.0)
    """
    channel_sums = np.empty(len(x))
    _sum_rows(x, channel_sums)
    mean = channel_sums.sum() / x.size
    if not np.isfinite(mean):
        raise FloatingPointError("activations that are not finite")
    units, buckets = x.reshape(-1), np.zeros(BUCKETS, np.float32)
    before = units if previous is None else previous.reshape(-1)
    square, step_sq = _sum_units(units, before, mean, signs, buckets)
    std = np.sqrt(square / x.size)
    if std > 0:
        buckets = buckets / (std * np.sqrt(x.size))
    return Moments(
        channels=(channel_sums / x.shape[1]).astype(np.float32),
        mean=float(mean),
        std=float(std),
        step_sq=np.nan if previous is None else step_sq,
        sketch=buckets.astype(np.float16),
    )


@_compiled
def _sum_rows(x: np.ndarray, sums: np.ndarray) -> None:
    """Sum each row of `x` (C, P) float32 in float64, into `sums` (C,)."""
    for c in range(len(x)):
        row, total = x[c], 0.0
        for i in range(len(row)):
            total += row[i]
        sums[c] = total


@_compiled
def _sum_units(
    x: np.ndarray, before: np.ndarray, mean: float, signs: np.ndarray, buckets: np.ndarray
) -> tuple[float, float]:
    """Sum (x − mean)² and (x − before)² over (N,) units, and (x − mean) · sign into the buckets."""
    square, step_sq = 0.0, 0.0
    for start in range(0, len(x), BLOCK):
        part, earlier = x[start : start + BLOCK], before[start : start + BLOCK]
        for i in range(len(part)):
            centred = part[i] - mean
            square += centred * centred
        for i in range(len(part)):
            step = np.float64(part[i] - earlier[i])
            step_sq += step * step
        for first in range(start, start + len(part), BUCKETS):
            row, sign = x[first : first + BUCKETS], signs[first : first + BUCKETS]
            for i in range(len(row)):
                buckets[i] += np.float32(row[i] - mean) * sign[i]
    return square, step_sq
