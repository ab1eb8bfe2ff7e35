"""Thumbnails of a video, found by time."""

import io
from os import PathLike

import h5py
import numpy as np
from PIL import Image


def nearest_thumbnails(path: str | PathLike, wanted_s: np.ndarray) -> list[bytes]:
    """JPEG nearest in time to each of `wanted_s` (seconds), from a ``thumbnails.h5``."""
    with h5py.File(path, "r") as file:
        time = file["time_s"][:]
        chosen = [int(np.argmin(np.abs(time - wanted))) for wanted in wanted_s]
        return [bytes(file["jpeg"][index]) for index in chosen]


def shrink(jpeg: bytes, size: int) -> bytes:
    """The picture as a JPEG of at most `size` pixels a side."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    image.thumbnail((size, size), Image.Resampling.BOX)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=72, optimize=True)
    return out.getvalue()
