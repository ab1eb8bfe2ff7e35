"""Atomic writing of HDF5 files that carry their provenance."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h5py
import numpy as np
from numpy.typing import DTypeLike

from chronovision.core.files import atomic_file

#: Size of a chunk in bytes before compression, in datasets with one row per frame.
CHUNK_BYTES = 65536


@contextmanager
def new_h5(
    path: str | os.PathLike,
    provenance: dict,
    *,
    libver: str | None = None,
    expected_bytes: int | None = None,
) -> Iterator[h5py.File]:
    """Open a new HDF5 file that appears under `path` only when the block has ended well.

    Parameters
    ----------
    path : path-like
        Final name.
    provenance : dict
        Becomes the file's attribute ``provenance``, as JSON.
    libver : str, optional
        Oldest HDF5 version that must be able to read the file; by default all of them.
    expected_bytes : int, optional
        See `chronovision.core.files.atomic_file`.

    Yields
    ------
    h5py.File
        The open file.
    """
    with atomic_file(path, expected_bytes) as part:
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


def rows_dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: DTypeLike
) -> h5py.Dataset:
    """Create an empty compressed dataset whose first axis is that of the frames.

    A chunk holds as many rows as fit into `CHUNK_BYTES`; a chunk of activation maps holds one row.
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
