"""Clip tables as arrays, together with their controls."""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chronovision.core.columns import layer_columns
from chronovision.core.tables import read_table
from chronovision.errors import UserError


@dataclass(frozen=True)
class ClipSet:
    """Columns of the clip table and of its controls that regressions use.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers.
    counts, permuted : (rows, layers) float64 array
        Counts of salient changes, and those of the changes permuted in time.
    pixel_count : (rows,) float64 array
        Count of changes of the pixels; all NaN if they were not counted.
    n_frames : (rows,) float64 array
        Number of frames.
    duration_s : (rows,) float64 array
        Duration in seconds.
    group : (rows,) str array
        Group of the clip's video.
    first : (rows,) bool array
        Whether the row is the first repeat of its clip.
    """

    layers: tuple[str, ...]
    counts: np.ndarray
    permuted: np.ndarray
    pixel_count: np.ndarray
    n_frames: np.ndarray
    duration_s: np.ndarray
    group: np.ndarray
    first: np.ndarray


def read_clip_set(
    clip_table: str | os.PathLike, controls_table: str | os.PathLike
) -> tuple[pd.DataFrame, ClipSet]:
    """Read the clip table, as it is and as arrays together with its controls."""
    table, controls = read_table(clip_table), read_table(controls_table)
    if not table[["clip", "repeat"]].equals(controls[["clip", "repeat"]]):
        raise UserError(
            f"{clip_table} and {controls_table} are not of the same clips: delete both, so that "
            f"they are made again"
        )
    counts = layer_columns(table.columns)
    return table, ClipSet(
        layers=tuple(counts),
        counts=table[[*counts.values()]].to_numpy(np.float64),
        permuted=controls[[f"permuted_{name}" for name in counts.values()]].to_numpy(np.float64),
        pixel_count=controls["pixel_count"].to_numpy(np.float64),
        n_frames=table["n_frames"].to_numpy(np.float64),
        duration_s=table["duration_s"].to_numpy(np.float64),
        group=table["group"].to_numpy(dtype=object),
        first=(table["repeat"] == 0).to_numpy(),
    )
