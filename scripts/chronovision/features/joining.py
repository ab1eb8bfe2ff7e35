"""Joining of the features of a long video that was extracted in pieces."""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack

import h5py
import numpy as np

from chronovision.core.hdf5 import new_h5, rows_dataset
from chronovision.core.provenance import read_provenance
from chronovision.errors import UserError

#: Number of chunks that are copied at a time.
BLOCK_CHUNKS = 16


def join_pieces(paths: Sequence[str | os.PathLike], output: str | os.PathLike) -> None:
    """Join the pieces of a video's features; the result equals an extraction in one go.

    Parameters
    ----------
    paths : sequence of path-like
        Files of `chronovision.features.extraction.extract_features` for successive windows.
    output : path-like
        ``features/{video}.h5``.

    Raises
    ------
    UserError
        The pieces were extracted in different ways.
    """
    provenance = read_provenance(paths[0])
    for path in paths[1:]:
        _require_same(_made_by(provenance), _made_by(read_provenance(path)), path)
    expected_bytes = sum(os.path.getsize(path) for path in paths)
    with ExitStack() as stack, new_h5(output, provenance, expected_bytes=expected_bytes) as joined:
        pieces = [stack.enter_context(h5py.File(path, "r")) for path in paths]
        first = pieces[0]
        for name, value in first.attrs.items():
            if name != "provenance":
                joined.attrs[name] = value
        for name in ("source_frame", "time_s", "key_frame"):
            joined[name] = np.concatenate([piece[name][:] for piece in pieces])
        for layer in json.loads(first.attrs["layers"]):
            group = joined.create_group(f"layers/{layer}")
            group.attrs["units"] = first[group.name].attrs["units"]
            for name in first[group.name]:
                _join([piece[group.name][name] for piece in pieces], group, name)


def _made_by(provenance: dict) -> dict:
    """Return what must agree over pieces: network and versions, whatever commit of this package."""
    software = {k: v for k, v in provenance["software"].items() if k not in ("commit", "dirty")}
    return {**provenance["network"], **software}


def _join(parts: Sequence[h5py.Dataset], group: h5py.Group, name: str) -> None:
    """Copy datasets, one after the other, into a new one."""
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    joined = rows_dataset(group, name, shape, parts[0].dtype)
    step = BLOCK_CHUNKS * joined.chunks[0] if joined.chunks else 1
    done = 0
    for part in parts:
        for first in range(0, len(part), step):
            block = part[first : first + step]
            joined[done : done + len(block)] = block
            done += len(block)


def _require_same(mine: dict, theirs: dict, path: str | os.PathLike) -> None:
    for key, value in mine.items():
        if theirs[key] != value:
            raise UserError(
                f"{path}: this piece was extracted with {key} {theirs[key]}, the first one with "
                f"{value}: delete the pieces of this video and extract them on one type of machine"
            )
