"""Salient changes: what counts as one, by a static or by a dynamic threshold."""

import os

import numpy as np
import pandas as pd

from chronovision.provenance import add_step
from chronovision.seeds import derive_rng
from chronovision.store import read_provenance, read_table, write_table
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
    changes = np.asarray(changes, dtype=np.float64)
    noise = np.asarray(noise, dtype=np.float64)
    shape = np.broadcast_shapes(changes.shape, noise.shape)
    thresholds = np.empty(shape)
    salient = np.empty(shape, dtype=bool)
    dt = np.broadcast_to(dt, shape[:1]) if np.ndim(dt) == 0 else np.asarray(dt, dtype=np.float64)
    step_size = (np.asarray(tmax, dtype=np.float64) - tmin) / tau
    threshold = np.broadcast_to(np.asarray(tmax, dtype=np.float64), shape[1:])
    since_reset = np.zeros(shape[1:])
    for step in range(shape[0]):
        decay = step_size * dt[step] * np.exp(-since_reset / tau)
        threshold = threshold - decay + noise[step]
        if bounded:
            threshold = np.clip(threshold, tmin, tmax)
        thresholds[step] = threshold
        fired = changes[step] >= threshold
        salient[step] = fired
        threshold = np.where(fired, tmax, threshold)
        since_reset = np.where(fired, 0.0, since_reset + dt[step])
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
    draws = [derive_rng(seed, "noise", *key, layer).standard_normal(steps) for layer in layers]
    return np.column_stack(draws)


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
    n, n_layers = changes.shape
    salient = np.zeros((n, n_layers), dtype=bool)
    if kind == "static":
        threshold = np.tile(thresholds.static, (n, 1))
        salient[1:] = static_accumulator(changes[1:], thresholds.static)
        return threshold, salient
    tau, dt = time_base(time_s, settings)
    threshold = np.tile(thresholds.tmax, (n, 1))
    threshold[1:], salient[1:] = dynamic_accumulator(
        changes[1:],
        noise * noise_sd(thresholds, dt, settings),
        thresholds.tmax,
        thresholds.tmin,
        tau,
        dt,
        settings["bounded"],
    )
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
    table = read_table(changes_path)
    layers = list(table.columns[3:])
    time_s = table["time_s"].to_numpy()
    changes = table[layers].to_numpy()
    thresholds = video_thresholds(changes, layers, settings, ranges_path)
    noise = standard_noise(seed, len(table) - 1, layers, "accumulator", video)
    threshold, salient = run_accumulator(
        changes, time_s, thresholds, kind, settings["dynamic"], noise
    )
    columns = {"frame": table["frame"], "time_s": time_s}
    meaning = {
        "frame": ("row of the analysed series, 0-based", "frame"),
        "time_s": ("time since the first analysed frame", "s"),
    }
    for index, layer in enumerate(layers):
        columns[f"{layer}_threshold"] = threshold[:, index]
        columns[f"{layer}_salient"] = salient[:, index]
        columns[f"{layer}_count"] = np.cumsum(salient[:, index])
        meaning[f"{layer}_threshold"] = (
            f"what the change of {layer} was compared with, before any reset",
            "as the change",
        )
        meaning[f"{layer}_salient"] = (f"1 if the change of {layer} is salient", "0 or 1")
        meaning[f"{layer}_count"] = (f"salient changes of {layer} up to this frame", "count")
    config = {"kind": kind, "seed": seed, **settings}
    provenance = add_step(read_provenance(changes_path), "accumulate_changes", config, ["numpy"])
    write_table(output, pd.DataFrame(columns), meaning, provenance)
