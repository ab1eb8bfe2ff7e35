"""Reading and atomic writing of tables: TSV in one dialect, with a JSON sidecar beside each."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd

from chronovision.core.files import atomic_file, sidecar_path, write_json

#: Text of a missing value, as in BIDS.
MISSING = "n/a"

#: Number of rows held at a time, where memory must not grow with the video.
BLOCK_ROWS = 1024

_DIALECT = {
    "sep": "\t",
    "na_values": [MISSING],
    "keep_default_na": False,
    "dtype": {"video": str, "group": str, "clip": str},
}

#: Column name -> (meaning, unit); goes into the sidecar of a table.
Columns = Mapping[str, tuple[str, str]]


def write_table(
    path: str | os.PathLike, table: pd.DataFrame, columns: Columns, provenance: Mapping
) -> None:
    """Write a TSV and the JSON sidecar beside it.

    Parameters
    ----------
    path : path-like
        Final name, ending in ``.tsv``.
    table : DataFrame
        The rows. Floats are written in their shortest round-trip form, missing values as ``n/a``,
        booleans as 0 and 1.
    columns : mapping of str to (str, str)
        Meaning and unit of every column of the table.
    provenance : mapping
        Provenance record for the sidecar, see `chronovision.core.provenance`.

    Raises
    ------
    ValueError
        A column of the table is not described.
    """
    with new_table(path, columns, provenance) as append:
        for start in range(0, max(len(table), 1), BLOCK_ROWS):
            append(table.iloc[start : start + BLOCK_ROWS])


@contextmanager
def new_table(
    path: str | os.PathLike, columns: Columns, provenance: Mapping
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that appends rows to a new table; all rows have the columns of the first.

    The sidecar and then the table appear only when the block has ended well. The parameters are
    those of `write_table`.
    """
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        names: list[str] = []

        def append(rows: pd.DataFrame) -> None:
            undescribed = [name for name in rows.columns if name not in columns]
            if undescribed:
                raise ValueError(f"columns without description: {undescribed}")
            if names and names != list(rows.columns):
                raise ValueError(f"{path}: columns {list(rows.columns)} after {names}")
            booleans = {name: rows[name].astype("int8") for name in rows.select_dtypes(bool)}
            style = {"sep": "\t", "index": False, "na_rep": MISSING, "lineterminator": "\n"}
            rows.assign(**booleans).to_csv(file, header=not names, **style)
            names[:] = rows.columns

        yield append
        if not names:
            raise ValueError(f"{path}: no rows were appended, not even none of some columns")
        file.flush()
        described = {
            name: {"description": columns[name][0], "unit": columns[name][1]} for name in names
        }
        write_json(sidecar_path(path), {"columns": described, "provenance": provenance})


def read_table(path: str | os.PathLike, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of `write_table`; floats come back bit for bit.

    Parameters
    ----------
    path : path-like
        A TSV of this package.
    columns : sequence of str, optional
        Columns to read, by default all.

    Returns
    -------
    DataFrame
        Missing values (``n/a``) are NaN.
    """
    return pd.read_csv(path, usecols=columns, **_DIALECT)


def read_blocks(
    path: str | os.PathLike, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Read a table, or some of its columns, `BLOCK_ROWS` rows at a time."""
    with pd.read_csv(path, usecols=columns, chunksize=BLOCK_ROWS, **_DIALECT) as blocks:
        yield from blocks


def read_values(path: str | os.PathLike, columns: Sequence[str], dtype: type = float) -> np.ndarray:
    """Read columns of numbers into one array, without memory for a second copy.

    The result has shape (n, columns). `dtype` is float (float64) or, for columns of 0 and 1, bool.
    """
    with open(path, "rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 16), b""))
    values: np.ndarray = np.empty((lines - 1, len(columns)), dtype)
    done = 0
    for block in read_blocks(path, columns):
        values[done : done + len(block)] = block[list(columns)]
        done += len(block)
    return values[:done]


def read_numbers(path: str | os.PathLike, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of numbers like `read_values`, as a DataFrame."""
    return pd.DataFrame(read_values(path, columns), columns=columns, copy=False)


def read_header(path: str | os.PathLike) -> list[str]:
    """Return the names of a table's columns."""
    return list(pd.read_csv(path, nrows=0, **_DIALECT).columns)
