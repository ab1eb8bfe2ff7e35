"""Thumbnails of a video: written while it is decoded, found by time."""

import io
import math
from collections.abc import Iterable, Iterator
from os import PathLike

import h5py
import numpy as np
from PIL import Image

from chronovision.videos.selection import Row

#: Least time between thumbnails in seconds: any segment of 0.5 s holds one.
INTERVAL_S = 0.25
SIZE = 112
QUALITY = 80


def write_thumbnails(file: h5py.File, rows: Iterable[Row]) -> Iterator[Row]:
    """Pass the rows of a video on, and write thumbnails of some: at most four a second.

    Parameters
    ----------
    file : gets ``frame`` and ``time_s`` (m,), and ``jpeg`` (m,) byte strings.
    rows : the analysed series.

    Yields
    ------
    The same rows.
    """
    kinds = {"frame": np.int64, "time_s": np.float64, "jpeg": h5py.vlen_dtype(np.uint8)}
    stored = {
        name: file.create_dataset(name, (0,), kind, maxshape=(None,))
        for name, kind in kinds.items()
    }
    last_s = -math.inf
    for number, row in enumerate(rows):
        if row.time_s - last_s >= INTERVAL_S:
            picture = Image.fromarray(row.rgb).resize((SIZE, SIZE))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=QUALITY)
            jpeg = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
            for dataset, value in zip(stored.values(), (number, row.time_s, jpeg), strict=True):
                dataset.resize(len(dataset) + 1, axis=0)
                dataset[-1] = value
            last_s = row.time_s
        yield row


def nearest_thumbnails(path: str | PathLike, start_s: np.ndarray, end_s: np.ndarray) -> list[bytes]:
    """JPEG of each span of time: of the thumbnails inside it, the one nearest to its middle.

    A span between two thumbnails gets the nearest one outside.

    Parameters
    ----------
    path : a ``thumbnails.h5``.
    start_s, end_s : (n,) seconds; the start belongs to the span, the end to the next one.
    """
    with h5py.File(path, "r") as file:
        time = file["time_s"][:]
        chosen = [
            _nearest_time(time, start, end) for start, end in zip(start_s, end_s, strict=True)
        ]
        return [bytes(file["jpeg"][index]) for index in chosen]


def _nearest_time(time: np.ndarray, start: float, end: float) -> int:
    distance = np.abs(time - (start + end) / 2)
    inside = (time >= start) & (time < end)
    return int(np.argmin(np.where(inside, distance, np.inf) if inside.any() else distance))


def shrink(jpeg: bytes, size: int) -> bytes:
    """The picture as a JPEG of at most `size` pixels a side."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    image.thumbnail((size, size), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=72, optimize=True)
    return out.getvalue()
