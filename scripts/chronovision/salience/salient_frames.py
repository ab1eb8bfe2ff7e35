"""Reading of salient frames from tables of accumulators."""

import os

import numpy as np

from chronovision.core.columns import SALIENT
from chronovision.core.tables import read_values


def read_salient(path: str | os.PathLike, layers: list[str]) -> np.ndarray:
    """Read the salient frames, (n, layers) bool, from a table of accumulators."""
    return read_values(path, [f"{layer}{SALIENT}" for layer in layers], bool)
