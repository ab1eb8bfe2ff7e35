"""Frame-to-frame change of each layer, exact, from the moments that features.h5 holds."""

import os

import h5py
import numpy as np
import pandas as pd

from chronovision.core.messages import did_you_mean
from chronovision.core.metrics import METRICS, Moments
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import BLOCK_ROWS, new_table


def change_series(
    metric: str, mean: np.ndarray, std: np.ndarray, step_sq: np.ndarray, units: int
) -> np.ndarray:
    """Change from each frame's activations to the next's, by moments alone.

    `chronovision.core.metrics` has the equations.

    Parameters
    ----------
    metric : name of one of `chronovision.core.metrics.METRICS`.
    mean, std, step_sq : (n,) float64; `step_sq` is Σd², NaN first.
    units : N.

    Returns
    -------
    (n,) float64, NaN first.

    Raises
    ------
    ValueError : there is no metric of this name.
    """
    if metric not in METRICS:
        raise ValueError(f"no metric is called {metric}: {did_you_mean(metric, METRICS)}")
    return METRICS[metric].change(Moments(mean, std, step_sq, units))


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
        meaning[layer] = (f"{metric} change of {layer} from the previous row", METRICS[metric].unit)
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
        mean, std, step_sq = (
            group[name][rows.start - before : rows.stop] for name in ("mean", "std", "step_sq")
        )
        units = int(group.attrs["units"])
        columns[layer] = change_series(metric, mean, std, step_sq, units)[before:]
    return pd.DataFrame(columns)
