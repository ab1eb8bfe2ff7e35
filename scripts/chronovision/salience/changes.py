"""Frame-to-frame change of each layer, exact, from the moments in the features file."""

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
    """Return the change from each frame's activations to the next frame's, from moments alone.

    The equations stand in `chronovision.core.metrics`.

    Parameters
    ----------
    metric : str
        Name of one of `chronovision.core.metrics.METRICS`.
    mean, std : (n,) float64 array
        Mean and population standard deviation over the layer's units.
    step_sq : (n,) float64 array
        Σ(x_t − x_{t−1})² over the units; NaN first.
    units : int
        Number of units in the layer.

    Returns
    -------
    (n,) float64 array
        Change into each frame; NaN first.

    Raises
    ------
    ValueError
        There is no metric of this name.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [3.0, 2.0, 1.0]])
    >>> step_sq = np.append(np.nan, np.sum(np.diff(x, axis=0) ** 2, axis=1))
    >>> change_series("euclidean", x.mean(axis=1), x.std(axis=1), step_sq, 3)
    array([       nan, 1.        , 3.60555128])
    >>> change_series("correlation", x.mean(axis=1), x.std(axis=1), step_sq, 3).round(4)
    array([  nan, 0.018, 1.982])
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
    features_path : path-like
        ``features/{video}.h5``.
    output : path-like
        TSV ``frame source_frame time_s <layer> …``. The first row of each layer is ``n/a``.
    metric : str
        Name of the metric, see `change_series`.
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
    """Return rows of the table of changes; the first of them needs the frame before."""
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
