"""Frame-to-frame change of each layer, exact, from the moments that features.h5 holds."""

import os

import h5py
import numpy as np
import pandas as pd

from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import BLOCK_ROWS, new_table

#: Relative spread below which a frame's activations count as constant: rounding of the
#: float64 moments leaves about 1e-16.
CONSTANT = 1e-12

#: Unit of each metric, for the sidecars and axes.
UNITS = {"correlation": "1 - r", "cosine": "1 - cos", "euclidean": "activation"}


def change_series(
    metric: str, mean: np.ndarray, std: np.ndarray, step_sq: np.ndarray, units: int
) -> np.ndarray:
    """Change from each frame's activations x to the next's, by moments alone.

    With d = x_t − x_{t−1}, N units, population s.d. and |x|² = N(mean² + std²)::

        Var(d)    = step_sq/N − (mean_t − mean_{t−1})²
        1 − r     = (Var(d) − (std_t − std_{t−1})²) / (2 std_t std_{t−1})
        1 − cos   = (step_sq − (|x_t| − |x_{t−1}|)²) / (2 |x_t| |x_{t−1}|)
        Euclidean = sqrt(step_sq)

    which does not cancel for nearly identical frames as 1 − Σxy/… does. Two constant frames
    (two zero ones under cosine) are 0 apart, one constant frame and another are 1 apart.

    Parameters
    ----------
    metric : ``correlation``, ``cosine`` or ``euclidean``.
    mean, std, step_sq : (n,) float64; `step_sq` is Σd², NaN first.
    units : N.

    Returns
    -------
    (n,) float64, NaN first.
    """
    if metric == "euclidean":
        return np.sqrt(step_sq)
    if metric == "correlation":
        spread = np.where(constant_frames(mean, std), 0.0, std)
        moved = step_sq / units - _step(mean) ** 2
    else:
        spread = np.sqrt(units * (mean**2 + std**2))
        moved = step_sq
    before, after = np.concatenate([[np.nan], spread[:-1]]), spread
    scale = 2 * before * after
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.clip((moved - _step(spread) ** 2) / scale, 0.0, 2.0)
    change = np.where((before == 0) ^ (after == 0), 1.0, change)
    change = np.where((before == 0) & (after == 0), 0.0, change)
    change[0] = np.nan
    return change


def constant_frames(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Which frames' activations do not vary over the layer's units, so that r is undefined.

    Parameters
    ----------
    mean, std : (n,) float64 over the units.

    Returns
    -------
    (n,) bool.
    """
    return std <= CONSTANT * np.abs(mean)


def _step(series: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], np.diff(series)])


def measure_changes(
    features_path: str | os.PathLike, output: str | os.PathLike, *, metric: str
) -> None:
    """Write the change series of every layer of one video.

    Parameters
    ----------
    features_path : features.h5 of the video.
    output : TSV ``frame source_frame time_s <layer> …``; a layer's first row is ``n/a``.
    metric : see `change_series`.
    """
    provenance = read_provenance(features_path)
    layers = provenance["network"]["layers"]
    meaning = {
        "frame": ("row of the analysed series, 0-based", "frame"),
        "source_frame": ("index among the decoded frames of the source stream", "frame"),
        "time_s": ("time since the first analysed frame", "s"),
    }
    for layer in layers:
        meaning[layer] = (f"{metric} change of {layer} from the previous row", UNITS[metric])
    provenance = add_step(provenance, "measure_changes", {"metric": metric}, ["numpy"])
    with (
        h5py.File(features_path, "r") as file,
        new_table(output, meaning, provenance) as append,
    ):
        for start in range(0, len(file["time_s"]), BLOCK_ROWS):
            append(_change_rows(file, layers, metric, slice(start, start + BLOCK_ROWS)))


def _change_rows(file: h5py.File, layers: list[str], metric: str, rows: slice) -> pd.DataFrame:
    """Rows of the table of changes; the first of them needs the frame before."""
    before = min(rows.start, 1)
    source_frame = file["source_frame"][rows]
    columns = {
        "frame": np.arange(rows.start, rows.start + len(source_frame)),
        "source_frame": source_frame,
        "time_s": file["time_s"][rows],
    }
    for layer in layers:
        group = file["layers"][layer]
        moments = (
            group[name][rows.start - before : rows.stop] for name in ("mean", "std", "step_sq")
        )
        columns[layer] = change_series(metric, *moments, int(group.attrs["units"]))[before:]
    return pd.DataFrame(columns)
