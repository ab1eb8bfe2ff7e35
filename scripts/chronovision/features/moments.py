"""The few numbers per frame and layer from which every change metric follows.

Activations come channels first: float32 arrays (C, P) of C channels at P positions,
N = C · P units in all. Each frame is summed by itself on one thread, so that no result
depends on the batch or on the number of threads.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from chronovision.core.seeds import derive_rng

#: Length of a sketch.
BUCKETS = 512

#: Units that are worked on at a time: they stay in the processor's innermost cache.
BLOCK = 4 * BUCKETS

#: Freedoms of a compiled sum: it may run in the order that suits the processor's vectors.
FASTMATH = {"reassoc", "contract", "nsz"}


def _compiled(function: Callable) -> Callable:
    """`function` compiled, and kept for later processes where there is a folder for that."""
    try:
        return njit(cache=True, nogil=True, fastmath=FASTMATH)(function)
    except RuntimeError:  # neither this package's folder nor the user's home can be written
        return njit(nogil=True, fastmath=FASTMATH)(function)


class Moments(NamedTuple):
    """What is stored of one layer's activation x of one frame."""

    channels: np.ndarray  #: (C,) float32, mean of each channel over its positions
    mean: float  #: over the N units
    std: float  #: over the N units, ddof 0
    step_sq: float  #: Σ (x − previous x)², NaN without a previous frame
    sketch: np.ndarray  #: (512,) float16, see `summarise`


def random_signs(seed: int, layer: str, units: int) -> np.ndarray:
    """The layer's fixed random signs, one per unit: (units,) int8 of −1 and 1."""
    draws = derive_rng(seed, "sketch", layer).integers(0, 2, size=units, dtype=np.int8)
    return 2 * draws - 1


def summarise(x: np.ndarray, previous: np.ndarray | None, signs: np.ndarray) -> Moments:
    """Moments of one layer's activation of one frame.

    Sums run in float64 around the mean; the difference of two frames is taken in float32,
    where that of near-identical frames is exact. The sketch takes z = (x − mean) / (std · √N)
    and adds unit i (in C, H, W order) times its sign to bucket i mod 512, in float32; it is zero
    if std is. The cosine of two frames' sketches estimates their Pearson r (count sketch, Charikar,
    Chen & Farach-Colton 2004, doi 10.1016/S0304-3975(03)00400-6).

    Parameters
    ----------
    x, previous : (C, P) float32, contiguous: this frame and the one before (None: the first).
    signs : (C · P,) from `random_signs`.

    Raises
    ------
    FloatingPointError : a value of `x` is not finite.
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
    """Sum of each row of `x` (C, P) float32 in float64, into `sums` (C,)."""
    for c in range(len(x)):
        row, total = x[c], 0.0
        for i in range(len(row)):
            total += row[i]
        sums[c] = total


@_compiled
def _sum_units(
    x: np.ndarray, before: np.ndarray, mean: float, signs: np.ndarray, buckets: np.ndarray
) -> tuple[float, float]:
    """Σ (x − mean)² and Σ (x − before)² over (N,) units; (x − mean) · sign into the buckets."""
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
