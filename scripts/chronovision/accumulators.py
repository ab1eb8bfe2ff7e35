"""Salient changes: what counts as one, by a static or by a dynamic threshold."""

import os

import numpy as np
import pandas as pd

from chronovision.provenance import add_step
from chronovision.seeds import derive_rng
from chronovision.store import (
    Columns,
    new_table,
    read_blocks,
    read_header,
    read_provenance,
    read_values,
)
from chronovision.thresholds import Thresholds, time_base, video_thresholds

#: Frame rate (frames per second) at which the published noise is defined.
PUBLISHED_RATE = 30.0


def static_accumulator(changes: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """Frames whose change exceeds a constant threshold.

    Parameters
    ----------
    changes : (steps, ...) change into each frame.
    threshold : broadcasts against `changes`; (Fmax + Fmin) / 2 in the method followed here.

    Returns
    -------
    (steps, ...) bool, ``changes > threshold``; NaN is never salient.
    """
    return np.asarray(changes) > threshold


def dynamic_accumulator(
    changes: np.ndarray,
    noise: np.ndarray,
    tmax: np.ndarray | float,
    tmin: np.ndarray | float,
    tau: float,
    dt: np.ndarray | float = 1.0,
    bounded: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Salient changes by the decaying threshold of Roseboom et al. (2019).

    Once per step, in this order::

        T ← T − (Tmax − Tmin)·dt/τ · exp(−D/τ) + noise
        if change ≥ T:  salient, T ← Tmax, D ← 0        else:  D ← D + dt

    from T = Tmax, D = 0. With the default ``dt`` D and τ are in frames and this is the
    published rule. To replay the published offline loop draw for draw, put a change of 0
    before the first step: it also steps through its first frame.

    Parameters
    ----------
    changes : (steps, ...) change at each step. Trailing axes (clips, layers) run side by side.
    noise : (steps, ...) what is added to T at each step, in units of the change; published as
        N(0, (Tmax − Tmin)/50).
    tmax, tmin : broadcast against one step, in units of the change.
    tau : time constant, in the unit of `dt`.
    dt : time from step to step; a number, or (steps,) or (steps, ...).
    bounded : keep T within [tmin, tmax]. The published noise is an unbounded random walk.

    Returns
    -------
    thresholds : (steps, ...) float64, what each change was compared with, before any reset.
    salient : (steps, ...) bool.

    References
    ----------
    Roseboom et al. (2019), Nat. Commun. 10:267, https://doi.org/10.1038/s41467-018-08194-7
    """
    return _Decay(tmax, tmin, tau, bounded).run(changes, noise, dt)


class _Decay:
    """The recursion of `dynamic_accumulator`, which each run takes up where the last one ended."""

    def __init__(
        self, tmax: np.ndarray | float, tmin: np.ndarray | float, tau: float, bounded: bool
    ) -> None:
        self.tmax, self.tmin, self.tau, self.bounded = np.float64(tmax), tmin, tau, bounded
        self.threshold, self.since_reset = self.tmax, np.float64(0)

    def run(
        self, changes: np.ndarray, noise: np.ndarray, dt: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        changes = np.asarray(changes, dtype=np.float64)
        noise = np.asarray(noise, dtype=np.float64)
        shape = np.broadcast_shapes(changes.shape, noise.shape)
        thresholds = np.empty(shape)
        salient = np.empty(shape, dtype=bool)
        dt = np.broadcast_to(dt, shape[:1]) if np.ndim(dt) == 0 else np.asarray(dt, np.float64)
        step_size = (self.tmax - self.tmin) / self.tau
        threshold = np.array(np.broadcast_to(self.threshold, shape[1:]))
        since_reset = np.array(np.broadcast_to(self.since_reset, shape[1:]))
        decay = np.empty(shape[1:])
        # In place: thousands of clips side by side are more than fits into a cache.
        for step in range(shape[0]):
            np.divide(since_reset, -self.tau, out=decay)
            np.exp(decay, out=decay)
            decay *= step_size * dt[step]
            threshold -= decay
            threshold += noise[step]
            if self.bounded:
                np.clip(threshold, self.tmin, self.tmax, out=threshold)
            thresholds[step] = threshold
            fired = np.greater_equal(changes[step], threshold, out=salient[step, ...])
            since_reset += dt[step]
            np.copyto(threshold, self.tmax, where=fired)
            np.copyto(since_reset, 0.0, where=fired)
        self.threshold, self.since_reset = threshold, since_reset
        return thresholds, salient


def noise_sd(thresholds: Thresholds, dt: np.ndarray, settings: dict) -> np.ndarray:
    """Standard deviation of the threshold's noise at each step.

    (Tmax − Tmin)/noise_divisor per step as published; with a time constant in seconds it is
    multiplied by √(30·dt), so that the noise gathered in a second does not depend on the
    frame rate.

    Parameters
    ----------
    thresholds : of the layers.
    dt : (steps,) time from step to step, in the unit of the time constant.
    settings : the config's ``thresholds.dynamic``.

    Returns
    -------
    (steps, layers) float64, in units of the change; zeros if ``noise_divisor`` is null.
    """
    if settings["noise_divisor"] is None:
        return np.zeros((len(dt), len(thresholds.tmax)))
    sd = (thresholds.tmax - thresholds.tmin) / settings["noise_divisor"]
    scale = np.ones(len(dt)) if settings["tau_frames"] else np.sqrt(PUBLISHED_RATE * dt)
    return scale[:, np.newaxis] * sd


def standard_noise(seed: int, steps: int, layers: list[str], *key: object) -> np.ndarray:
    """Standard normal draws, (steps, layers); a layer's depend on the seed, `key` and its name."""
    return _draw(_noise_sources(seed, layers, *key), steps)


def _noise_sources(seed: int, layers: list[str], *key: object) -> list[np.random.Generator]:
    return [derive_rng(seed, "noise", *key, layer) for layer in layers]


def _draw(sources: list[np.random.Generator], steps: int) -> np.ndarray:
    """The next `steps` draws, (steps, layers); several calls give what one would."""
    return np.column_stack([source.standard_normal(steps) for source in sources])


def run_accumulator(
    changes: np.ndarray,
    time_s: np.ndarray,
    thresholds: Thresholds,
    kind: str,
    settings: dict,
    noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and salient frames of one whole video.

    Parameters
    ----------
    changes : (n, layers); the first row, which has no change, is not read.
    time_s : (n,) seconds.
    kind : ``static`` or ``dynamic``.
    settings : the config's ``thresholds.dynamic``.
    noise : (n − 1, layers) standard normal draws, first used at frame 1.

    Returns
    -------
    threshold (n, layers) float64 and salient (n, layers) bool. Frame 0 is never salient; its
    threshold is Tmax (dynamic) or the static one.
    """
    return _Accumulator(thresholds, kind, settings).run(changes, time_s, noise)


class _Accumulator:
    """`run_accumulator` for one stretch of a video after the other."""

    def __init__(self, thresholds: Thresholds, kind: str, settings: dict) -> None:
        self.thresholds, self.kind, self.settings = thresholds, kind, settings
        tau, _ = time_base(np.zeros(1), settings)
        self.decay = _Decay(thresholds.tmax, thresholds.tmin, tau, settings["bounded"])
        #: Time of the last frame so far.
        self.last_s: float | None = None

    def steps(self, n: int) -> int:
        """Changes into the next `n` frames: into the first of all there is none."""
        return n - (self.last_s is None)

    def run(
        self, changes: np.ndarray, time_s: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Thresholds and salient frames of the next `n` frames; `noise` is (steps(n), layers)."""
        first = len(changes) - self.steps(len(changes))
        salient = np.zeros(changes.shape, dtype=bool)
        limit = self.thresholds.static if self.kind == "static" else self.thresholds.tmax
        threshold = np.tile(limit, (len(changes), 1))
        if self.kind == "static":
            salient[first:] = static_accumulator(changes[first:], limit)
        else:
            times = time_s if self.last_s is None else np.concatenate([[self.last_s], time_s])
            _, dt = time_base(times, self.settings)
            noise = noise * noise_sd(self.thresholds, dt, self.settings)
            threshold[first:], salient[first:] = self.decay.run(changes[first:], noise, dt)
        self.last_s = float(time_s[-1])
        return threshold, salient


def accumulate_changes(
    changes_path: str | os.PathLike,
    ranges_path: str | os.PathLike | None,
    output: str | os.PathLike,
    *,
    video: str,
    kind: str,
    settings: dict,
    seed: int,
) -> None:
    """Write the accumulators of one video: threshold, salient frames and counts per layer.

    Parameters
    ----------
    changes_path : table of `chronovision.changes.measure_changes`.
    ranges_path : table of `chronovision.thresholds.pool_ranges` when the scope is the set.
    output : TSV with ``frame time_s`` and per layer ``_threshold _salient _count``.
    video : id; seeds the noise.
    kind : ``static`` or ``dynamic``.
    settings : the config's ``thresholds``.
    seed : the config's.

    Raises
    ------
    UserError : a fixed threshold does not fit (see `chronovision.thresholds`).
    """
    layers = read_header(changes_path)[3:]
    thresholds = video_thresholds(read_values(changes_path, layers), layers, settings, ranges_path)
    accumulator = _Accumulator(thresholds, kind, settings["dynamic"])
    sources = _noise_sources(seed, layers, "accumulator", video)
    count = np.zeros(len(layers), dtype=np.int64)
    config = {"kind": kind, "seed": seed, **settings}
    provenance = add_step(read_provenance(changes_path), "accumulate_changes", config, ["numpy"])
    with new_table(output, _column_meanings(layers), provenance) as append:
        for block in read_blocks(changes_path):
            threshold, salient = accumulator.run(
                block[layers].to_numpy(),
                block["time_s"].to_numpy(),
                _draw(sources, accumulator.steps(len(block))),
            )
            counts = count + np.cumsum(salient, axis=0)
            count = counts[-1]
            columns = {"frame": block["frame"], "time_s": block["time_s"]}
            for index, layer in enumerate(layers):
                columns[f"{layer}_threshold"] = threshold[:, index]
                columns[f"{layer}_salient"] = salient[:, index]
                columns[f"{layer}_count"] = counts[:, index]
            append(pd.DataFrame(columns))


def read_salient(path: str | os.PathLike, layers: list[str]) -> np.ndarray:
    """Salient frames, (n, layers) bool, of a table that `accumulate_changes` wrote."""
    return read_values(path, [f"{layer}_salient" for layer in layers], bool)


def _column_meanings(layers: list[str]) -> Columns:
    meaning = {
        "frame": ("row of the analysed series, 0-based", "frame"),
        "time_s": ("time since the first analysed frame", "s"),
    }
    for layer in layers:
        meaning[f"{layer}_threshold"] = (
            f"what the change of {layer} was compared with, before any reset",
            "as the change",
        )
        meaning[f"{layer}_salient"] = (f"1 if the change of {layer} is salient", "0 or 1")
        meaning[f"{layer}_count"] = (f"salient changes of {layer} up to this frame", "count")
    return meaning
