"""A row of the table of quality notes, and medians and ratios as its messages need them."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Note:
    """One row of the table of quality notes."""

    note: str
    level: str
    value: float
    message: str


def medians(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the median of each column over some rows, column by column to save memory.

    Parameters
    ----------
    values : (n, columns) float64 array
        The values.
    rows : (n,) bool array
        Rows to use.

    Returns
    -------
    (columns,) float64 array

    Examples
    --------
    >>> medians(np.array([[1.0], [2.0], [9.0]]), np.array([True, True, False]))
    array([1.5])
    """
    return np.array([np.median(column[rows]) for column in values.T])


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below; 1 where both are 0, infinity where only `below` is 0.

    Parameters
    ----------
    above, below : (n,) float64 array
        Numerators and denominators.

    Returns
    -------
    (n,) float64 array

    Examples
    --------
    >>> ratio(np.array([3.0, 0.0, 1.0]), np.array([2.0, 0.0, 0.0]))
    array([1.5, 1. , inf])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((above == 0) & (below == 0), 1.0, above / below)


def times(ratio: float) -> str:
    """Return a ratio in words."""
    return f"{ratio:.2f} times" if np.isfinite(ratio) else "beyond any multiple of"


def finite(ratio: float) -> float:
    """Return a ratio as the table holds it: NaN (``n/a``) if it is infinite."""
    return float(ratio) if np.isfinite(ratio) else float("nan")
