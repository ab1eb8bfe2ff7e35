"""Salient frames as the tables of accumulators hold them."""

import os

import numpy as np

from chronovision.core.columns import SALIENT
from chronovision.core.tables import read_values


def read_salient(path: str | os.PathLike, layers: list[str]) -> np.ndarray:
    """Salient frames, (n, layers) bool, of a table of accumulators."""
    return read_values(path, [f"{layer}{SALIENT}" for layer in layers], bool)
