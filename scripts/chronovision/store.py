"""Reading and writing of the outputs: whole files only, tables in one dialect."""

import errno
import glob
import json
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from chronovision.errors import UserError

#: What is written for a missing value (BIDS).
MISSING = "n/a"

#: Bytes per chunk, before compression, of the datasets that have one row per frame.
CHUNK_BYTES = 65536

#: Rows of a table, one per frame, held at a time where memory must not grow with the video.
BLOCK_ROWS = 1024

#: Numbers of the errors of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT)

_DIALECT = {
    "sep": "\t",
    "na_values": [MISSING],
    "keep_default_na": False,
    "dtype": {"video": str, "group": str, "clip": str},
}

#: Column name -> (meaning, unit); goes into the sidecar of a table.
Columns = Mapping[str, tuple[str, str]]


@contextmanager
def whole_file(path: str | os.PathLike, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` once the block has ended well.

    A file that exists under its final name is therefore whole. On any exception the temporary
    file (or folder) is removed and `path` is left as it was. What a killed process left behind
    for the same name is removed, too.

    Parameters
    ----------
    path : the final name.
    needed : about how many bytes the file will have, if known, for the message of a full disk.

    Raises
    ------
    UserError : the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in _left_behind(path):
        stale.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=_part_prefix(path), suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    part.chmod(0o666 & ~_umask())
    try:
        with _told_of_a_full_disk(path, part, needed):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _part_prefix(path: Path) -> str:
    """How temporary names of `path` begin; long names are cut short, and told apart."""
    name = path.name
    return f".{name}." if len(name) <= 80 else f".{name[:70]}.{zlib.crc32(name.encode()):08x}."


def _left_behind(path: Path) -> list[Path]:
    """Temporary files or folders of `path` that a killed process has left."""
    prefix = _part_prefix(path)
    found = path.parent.glob(f"{glob.escape(prefix)}*.part")
    # Another file's name may begin as this one's: a.h5 and a.h5.b.h5.
    return [one for one in found if "." not in one.name[len(prefix) : -len(".part")]]


@contextmanager
def _told_of_a_full_disk(path: Path, part: Path, needed: int | None = None) -> Iterator[None]:
    try:
        yield
    # h5py has errors of its own for what happens while a file is closed, with the number in a text.
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        if number not in FULL and not any(f"errno = {code}," in str(error) for code in FULL):
            raise
        parts = part.rglob("*") if part.is_dir() else [part]
        written = sum(one.stat().st_size for one in parts if one.exists())
        wanted = f"more than {_megabytes(written)}"
        if needed and needed > written:
            wanted = f"about {_megabytes(needed)}"
        raise UserError(
            f"{path}: no space left on the disk, or quota used up; this file needs {wanted}: make "
            "room, or set pathvars.results to another drive, and run again"
        ) from error


def _megabytes(n: int) -> str:
    return f"{n / 1e6:.3g} MB"


@contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Like `whole_file` for a folder; an older folder at `path` is replaced."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in _left_behind(path):
        shutil.rmtree(stale)
    part = Path(tempfile.mkdtemp(prefix=_part_prefix(path), suffix=".part", dir=path.parent))
    part.chmod(0o777 & ~_umask())
    try:
        with _told_of_a_full_disk(path, part):
            yield part
            if path.exists():
                shutil.rmtree(path)
            os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` (UTF-8, newlines as given) as a whole file."""
    with whole_file(path) as part:
        part.write_bytes(text.encode())


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """Parse a JSON file that this package wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sidecar_path(table: str | os.PathLike) -> Path:
    """Path of the JSON that describes a table: same stem, ``.json``."""
    return Path(table).with_suffix(".json")


def write_table(
    path: str | os.PathLike, table: pd.DataFrame, columns: Columns, provenance: dict
) -> None:
    """Write a TSV and the JSON sidecar beside it.

    Parameters
    ----------
    path : ends in ``.tsv``.
    table : one row per line. Floats are written in their shortest round-trip form, missing
        values as ``n/a``, booleans as 0 and 1.
    columns : meaning and unit of each of the table's columns, all of them.
    provenance : see `chronovision.provenance`; goes into the sidecar, not into the table.

    Raises
    ------
    ValueError : a column of the table is not described.
    """
    with new_table(path, columns, provenance) as append:
        for start in range(0, max(len(table), 1), BLOCK_ROWS):
            append(table.iloc[start : start + BLOCK_ROWS])


@contextmanager
def new_table(
    path: str | os.PathLike, columns: Columns, provenance: dict
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Yield a function that appends rows to a new table, all with the columns of the first.

    Sidecar and then table appear only when the block has ended well; otherwise as `write_table`.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
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
    """Read a TSV that `write_table` wrote, or some of its columns; floats come back bit for bit."""
    return pd.read_csv(path, usecols=columns, **_DIALECT)


def read_blocks(
    path: str | os.PathLike, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Read a table, or some of its columns, `BLOCK_ROWS` rows at a time."""
    with pd.read_csv(path, usecols=columns, chunksize=BLOCK_ROWS, **_DIALECT) as blocks:
        yield from blocks


def read_values(path: str | os.PathLike, columns: Sequence[str], dtype: type = float) -> np.ndarray:
    """Read columns of numbers into an array (n, columns), without memory for a copy.

    `dtype` is float (float64) or, for columns of 0 and 1, bool.
    """
    with open(path, "rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 16), b""))
    values = np.empty((lines - 1, len(columns)), dtype)
    done = 0
    for block in read_blocks(path, columns):
        values[done : done + len(block)] = block[list(columns)]
        done += len(block)
    return values[:done]


def read_numbers(path: str | os.PathLike, columns: Sequence[str]) -> pd.DataFrame:
    """`read_values` with the columns' names."""
    return pd.DataFrame(read_values(path, columns), columns=columns, copy=False)


def read_header(path: str | os.PathLike) -> list[str]:
    """Names of a table's columns."""
    return list(pd.read_csv(path, nrows=0, **_DIALECT).columns)


@contextmanager
def new_h5(
    path: str | os.PathLike,
    provenance: dict,
    *,
    libver: str | None = None,
    needed: int | None = None,
) -> Iterator[h5py.File]:
    """Open a new HDF5 file that appears under `path` only when the block has ended well.

    `provenance` becomes the file's attribute of that name, as JSON. `libver` is the oldest HDF5
    that need read it; by default all that there are. `needed` as in `whole_file`.
    """
    with whole_file(path, needed) as part:
        file = h5py.File(part, "w", libver=libver)
        try:
            file.attrs["provenance"] = json.dumps(provenance, ensure_ascii=False)
            yield file
            file.close()
        except BaseException:
            # HDF5 writes what it still has in memory before it closes a file, and complains at the
            # end of the process if there is no room for it: the file keeps its size but no bytes.
            with suppress(FileNotFoundError):
                written = part.stat().st_size
                os.truncate(part, 0)
                os.truncate(part, written)
            file.close()
            raise


def read_provenance(path: str | os.PathLike) -> dict:
    """Provenance of a file made by this package: HDF5 attribute, or the table's sidecar.

    Raises
    ------
    UserError : the file carries none.
    """
    path = Path(path)
    if path.suffix == ".tsv":
        return read_json(sidecar_path(path))["provenance"]
    with h5py.File(path, "r") as file:
        if "provenance" not in file.attrs:
            raise UserError(f"{path}: no provenance in it, so it was not made by Chronovision")
        return json.loads(file.attrs["provenance"])


def rows_dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: object
) -> h5py.Dataset:
    """A new compressed dataset whose first axis is that of the frames, to be filled.

    Chunks hold as many rows as fit into `CHUNK_BYTES`; those of activation maps hold one.
    """
    if not shape[0]:
        return group.create_dataset(name, shape, dtype)
    row_bytes = np.dtype(dtype).itemsize * math.prod(shape[1:])
    are_maps = len(shape) > 2
    rows = 1 if are_maps else max(CHUNK_BYTES // row_bytes, 1)
    chunk = (min(rows, shape[0]), *shape[1:])
    # Of maps much is zero, and they are large: a slower compression pays.
    style = {"shuffle": True, "compression": "gzip", "compression_opts": 4 if are_maps else 1}
    return group.create_dataset(name, shape, dtype, chunks=chunk, **style)
