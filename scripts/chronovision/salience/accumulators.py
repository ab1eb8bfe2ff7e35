"""Accumulators: changes compared with a static or dynamic threshold, and counted if salient."""

import os
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from chronovision.core.columns import COUNT, SALIENT, THRESHOLD, change_layers
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import Columns, new_table, read_blocks, read_header, read_values
from chronovision.core.time_constant import TimeConstant
from chronovision.salience.decay import start_decay
from chronovision.salience.thresholds import Thresholds, video_thresholds

#: Frame rate (frames per second) at which the published noise is defined.
PUBLISHED_RATE = 30.0


def static_accumulator(changes: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """Return the changes that exceed a constant threshold.

    Parameters
    ----------
    changes : (steps, ...) float64 array
        Change into each frame.
    threshold : float or array
        Threshold, broadcast against `changes`; (Fmax + Fmin) / 2 in the method followed here.

    Returns
    -------
    (steps, ...) bool array
        ``changes > threshold``. NaN is never salient.

    Examples
    --------
    >>> static_accumulator(np.array([0.1, 0.6, np.nan, 0.5]), 0.5)
    array([False,  True, False, False])
    """
    return np.asarray(changes) > threshold


def noise_sd(thresholds: Thresholds, dt_s: np.ndarray, dynamic: Mapping) -> np.ndarray:
    """Return the standard deviation of the threshold's noise at each step.

    It is (Tmax − Tmin)/noise_divisor per step, as published. With a time constant in seconds it is
    multiplied by √(30·Δt), so that the noise gathered in a second does not depend on the frame
    rate. A gap of 10 s gathers 0.35·(Tmax − Tmin) and may cross the threshold by itself.

    Parameters
    ----------
    thresholds : Thresholds
        Thresholds of the layers.
    dt_s : (steps,) float64 array
        Time from frame to frame, in seconds.
    dynamic : mapping
        The config's ``thresholds.dynamic``.

    Returns
    -------
    (steps, layers) float64 array
        In units of the change; zeros if ``noise_divisor`` is null.

    Examples
    --------
    >>> from chronovision.salience.thresholds import Thresholds
    >>> limits = Thresholds(np.array([0.5]), tmax=np.array([0.9]), tmin=np.array([0.4]))
    >>> noise_sd(limits, np.array([0.04, 0.04]), {"tau_frames": 100, "noise_divisor": 50})
    array([[0.01],
           [0.01]])
    """
    tmax, tmin = thresholds.bounds()
    if dynamic["noise_divisor"] is None:
        return np.zeros((len(dt_s), len(tmax)))
    sd = (tmax - tmin) / dynamic["noise_divisor"]
    in_frames = TimeConstant.of(dynamic).in_frames
    scale = np.ones(len(dt_s)) if in_frames else np.sqrt(PUBLISHED_RATE * dt_s)
    return scale[:, np.newaxis] * sd


def _noise_sources(seed: int, video: str, layers: list[str]) -> list[np.random.Generator]:
    """Return the source of each layer's noise; it depends on no other layer or video."""
    return [derive_rng(seed, "noise", "accumulator", video, layer) for layer in layers]


def _draw(sources: list[np.random.Generator], steps: int) -> np.ndarray:
    """Return the next `steps` normal draws, (steps, layers); several calls give what one would."""
    return np.column_stack([source.standard_normal(steps) for source in sources])


def run_accumulator(
    changes: np.ndarray,
    time_s: np.ndarray,
    thresholds: Thresholds,
    dynamic: Mapping | None = None,
    noise: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and salient frames of a whole video.

    Parameters
    ----------
    changes : (n, layers) float64 array
        Change into each frame. The first row is not read, as there is none.
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    thresholds : Thresholds
        Thresholds of the layers.
    dynamic : mapping, optional
        The config's ``thresholds.dynamic``; by default the threshold is static.
    noise : (n − 1, layers) float64 array, optional
        Standard normal draws for the dynamic threshold, first used at frame 1.

    Returns
    -------
    threshold : (n, layers) float64 array
        Value that each change was compared with. At frame 0 it is Tmax, or the static threshold.
    salient : (n, layers) bool array
        Whether it is salient: above a static threshold, at or above a dynamic one. Frame 0 is never
        salient.

    Examples
    --------
    >>> from chronovision.salience.thresholds import Thresholds
    >>> changes = np.array([[np.nan], [0.2], [0.8]])
    >>> threshold, salient = run_accumulator(changes, np.arange(3.0), Thresholds(np.array([0.5])))
    >>> salient[:, 0]
    array([False, False,  True])
    """
    return _Accumulator(thresholds, dynamic).run(changes, time_s, noise)


class _Accumulator:
    """The computation of `run_accumulator`, for one stretch of a video after the other."""

    def __init__(self, thresholds: Thresholds, dynamic: Mapping | None) -> None:
        self.thresholds, self.dynamic = thresholds, dynamic
        self.decay = None if dynamic is None else start_decay(*thresholds.bounds(), dynamic)
        #: Time of the last frame so far.
        self.last_s: float | None = None

    def steps(self, n: int) -> int:
        """Return the number of changes into the next `n` frames; a video's first frame has none."""
        return n - (self.last_s is None)

    def run(
        self, changes: np.ndarray, time_s: np.ndarray, noise: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return thresholds and salient frames of the next frames; `noise` is (steps, layers)."""
        first = len(changes) - self.steps(len(changes))
        salient = np.zeros(changes.shape, dtype=bool)
        if self.decay is None or self.dynamic is None:
            threshold = np.tile(self.thresholds.static, (len(changes), 1))
            salient[first:] = static_accumulator(changes[first:], self.thresholds.static)
        elif noise is None:
            raise ValueError("the dynamic threshold needs noise")
        else:
            tmax, _ = self.thresholds.bounds()
            threshold = np.tile(tmax, (len(changes), 1))
            times = time_s if self.last_s is None else np.concatenate([[self.last_s], time_s])
            dt_s = np.diff(times)
            noise = noise * noise_sd(self.thresholds, dt_s, self.dynamic)
            threshold[first:], salient[first:] = self.decay.run(changes[first:], noise, dt_s)
        self.last_s = float(time_s[-1])
        return threshold, salient


def accumulate_changes(
    *,
    changes: Mapping[str, str | os.PathLike],
    ranges: Mapping[str, str | os.PathLike],
    video: str,
    threshold: str,
    thresholds: Mapping,
    seed: int | None,
    tables: Mapping[str, str | os.PathLike],
) -> None:
    """Write the accumulators of one video: threshold, salient frames and counts per layer.

    Parameters
    ----------
    changes : mapping of str to path-like
        Metric -> table of `chronovision.salience.changes.measure_changes`.
    ranges : mapping of str to path-like
        Metric -> table of `chronovision.salience.thresholds.pool_ranges`, if the scope is the set;
        otherwise empty.
    video : str
        Id of the video. The noise depends on it.
    threshold : {'static', 'dynamic'}
        Kind of threshold.
    thresholds : mapping
        The config's ``thresholds``, without ``dynamic`` for the static threshold.
    seed : int or None
        The config's ``seed``; None for ``static``, which draws no noise.
    tables : mapping of str to path-like
        Metric -> TSV to write, with ``frame time_s`` and for each layer
        ``_threshold _salient _count``.

    Raises
    ------
    UserError
        A fixed threshold does not fit, see `chronovision.salience.thresholds`.
    """
    config, is_dynamic = {"kind": threshold, "seed": seed, **thresholds}, threshold == "dynamic"
    for metric, table in tables.items():
        layers = change_layers(read_header(changes[metric]))
        resolved = video_thresholds(
            read_values(changes[metric], layers), layers, thresholds, ranges.get(metric)
        )
        accumulator = _Accumulator(resolved, thresholds["dynamic"] if is_dynamic else None)
        sources = None
        if is_dynamic and seed is not None:
            sources = _noise_sources(seed, video, layers)
        record = read_provenance(changes[metric])
        provenance = add_step(record, "accumulate_changes", config, ["numpy"])
        with new_table(table, _column_meanings(layers), provenance) as append:
            for block in _count_blocks(changes[metric], layers, accumulator, sources):
                append(block)


def _count_blocks(
    changes: str | os.PathLike,
    layers: list[str],
    accumulator: _Accumulator,
    sources: list[np.random.Generator] | None,
) -> Iterator[pd.DataFrame]:
    """Yield the rows of the table of accumulators, a block at a time."""
    count = np.zeros(len(layers), dtype=np.int64)
    for block in read_blocks(changes):
        limit, salient = accumulator.run(
            block[layers].to_numpy(),
            block["time_s"].to_numpy(),
            None if sources is None else _draw(sources, accumulator.steps(len(block))),
        )
        counts = count + np.cumsum(salient, axis=0)
        count = counts[-1]
        columns = {"frame": block["frame"], "time_s": block["time_s"]}
        for index, layer in enumerate(layers):
            columns[f"{layer}{THRESHOLD}"] = limit[:, index]
            columns[f"{layer}{SALIENT}"] = salient[:, index]
            columns[f"{layer}{COUNT}"] = counts[:, index]
        yield pd.DataFrame(columns)


def _column_meanings(layers: list[str]) -> Columns:
    meaning = {
        "frame": ("row of the analysed series, 0-based", "frame"),
        "time_s": ("time since the first analysed frame", "s"),
    }
    for layer in layers:
        meaning[f"{layer}{THRESHOLD}"] = (
            f"what the change of {layer} was compared with, before any reset",
            "as the change",
        )
        meaning[f"{layer}{SALIENT}"] = (f"1 if the change of {layer} is salient", "0 or 1")
        meaning[f"{layer}{COUNT}"] = (f"salient changes of {layer} up to this frame", "count")
    return meaning
