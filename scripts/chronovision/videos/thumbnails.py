"""Reading of a video's thumbnails by time."""

import io
from os import PathLike

import h5py
import numpy as np
from PIL import Image


def nearest_thumbnails(path: str | PathLike, start_s: np.ndarray, end_s: np.ndarray) -> list[bytes]:
    """Return a JPEG for each span of time: the thumbnail within it nearest to its middle.

    A span between two thumbnails gets the nearest one outside.

    Parameters
    ----------
    path : path-like
        A ``thumbnails.h5``.
    start_s, end_s : (n,) float64 array
        Spans in seconds. The start belongs to the span, the end to the next one.
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
    """Return the picture as a JPEG of at most `size` pixels a side."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    image.thumbnail((size, size), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=72, optimize=True)
    return out.getvalue()
