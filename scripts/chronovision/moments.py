"""The few numbers per frame and layer from which every change metric follows.

Activations come channels first: float32 arrays (C, P) of C channels at P positions,
N = C · P units in all. Each frame is summed by itself on one thread, so that no result
depends on the batch or on the number of threads.
"""

from typing import NamedTuple

import numpy as np

from chronovision.seeds import derive_rng

#: Length of a sketch.
BUCKETS = 512

#: Units that are worked on at a time: they stay in the processor's cache.
BLOCK = 128 * BUCKETS


class Moments(NamedTuple):
    """What is stored of one layer's activation x of one frame."""

    channels: np.ndarray  #: (C,) float32, mean of each channel over its positions
    mean: float  #: over the N units
    std: float  #: over the N units, ddof 0
    step_sq: float  #: Σ (x − previous x)², NaN without a previous frame
    sketch: np.ndarray  #: (512,) float16, see `summarise`


def random_signs(seed: int, layer: str, units: int) -> np.ndarray:
    """The layer's fixed random signs, one per unit: (units,) float32 of −1 and 1."""
    draws = derive_rng(seed, "sketch", layer).integers(0, 2, size=units, dtype=np.int8)
    return (2 * draws - 1).astype(np.float32)


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
    with np.errstate(invalid="ignore"):
        channel_sums = x.sum(axis=1, dtype=np.float64)
        mean = channel_sums.sum() / x.size
    if not np.isfinite(mean):
        raise FloatingPointError("activations that are not finite")
    units = x.reshape(-1)
    before = None if previous is None else previous.reshape(-1)
    square, step_sq = 0.0, np.nan if previous is None else 0.0
    buckets = np.zeros(BUCKETS, np.float32)
    for start in range(0, x.size, BLOCK):
        part = slice(start, start + BLOCK)
        centred = units[part] - mean
        square += np.einsum("i,i->", centred, centred)
        _fold(centred.astype(np.float32) * signs[part], buckets)
        if before is not None:
            step = (units[part] - before[part]).astype(np.float64)
            step_sq += np.einsum("i,i->", step, step)
    std = np.sqrt(square / x.size)
    if std > 0:
        buckets = buckets / (std * np.sqrt(x.size))
    channels = (channel_sums / x.shape[1]).astype(np.float32)
    return Moments(channels, float(mean), float(std), float(step_sq), buckets.astype(np.float16))


def _fold(signed: np.ndarray, buckets: np.ndarray) -> None:
    """Add units to their buckets, in place; the first unit belongs to the first bucket."""
    whole = signed.size - signed.size % BUCKETS
    buckets += signed[:whole].reshape(-1, BUCKETS).sum(axis=0)
    buckets[: signed.size - whole] += signed[whole:]
