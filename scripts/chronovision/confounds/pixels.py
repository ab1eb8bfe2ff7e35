"""Low-level confounds of the frames: brightness, contrast and change of the pixels."""

import itertools
import os
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.provenance import add_step
from chronovision.core.tables import BLOCK_ROWS, new_table
from chronovision.videos.decoding import Decoding, analysed_rows
from chronovision.videos.fingerprint import video_provenance
from chronovision.videos.selection import Row
from chronovision.videos.span import Span
from chronovision.videos.thumbnail_writer import write_thumbnails

#: ITU-R BT.601 luma weights of R, G, B.
LUMA = np.array([0.299, 0.587, 0.114])

#: Columns of the table of confounds: name -> (meaning, unit).
COLUMNS = {
    "frame": ("row of the analysed series, 0-based", "frame"),
    "source_frame": ("index among the decoded frames of the source stream", "frame"),
    "time_s": ("time since the first analysed frame", "s"),
    "key_frame": ("1 if a key frame lies after the previous row's frame up to this one", "0 or 1"),
    "repeated": ("1 if resampling shows the frame of the row before again", "0 or 1"),
    "brightness": ("mean luma (BT.601) of the frame", "0 to 255"),
    "contrast": ("standard deviation of the luma over the frame", "0 to 255"),
    "pixel_change": ("mean absolute RGB difference from the previous row", "0 to 255"),
}


def pixel_facts(previous: np.ndarray | None, rgb: np.ndarray) -> tuple[float, float, float]:
    """Return brightness, contrast and pixel change of a frame.

    Parameters
    ----------
    previous : (H, W, 3) uint8 array or None
        RGB picture of the frame before; None for the first frame.
    rgb : (H, W, 3) uint8 array
        RGB picture of the frame.

    Returns
    -------
    brightness : float
        Mean luma (BT.601), from 0 to 255.
    contrast : float
        Population standard deviation of the luma.
    pixel_change : float
        Mean |ΔRGB| from the frame before; NaN for the first frame.

    Examples
    --------
    >>> black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    >>> pixel_facts(None, black)
    (0.0, 0.0, nan)
    >>> pixel_facts(black, white)[2]
    255.0
    """
    luma = rgb @ LUMA
    if previous is None:
        return float(luma.mean()), float(luma.std()), float("nan")
    moved = np.abs(rgb.astype(np.int16) - previous)
    return float(luma.mean()), float(luma.std()), float(moved.mean())


def describe_frames(
    *,
    info_path: str | os.PathLike,
    video: str,
    frames: Mapping,
    span: Span,
    table: str | os.PathLike,
    thumbnails: str | os.PathLike,
) -> None:
    """Write the confounds of every frame (TSV, `COLUMNS`) and thumbnails (HDF5) of one video.

    The video is decoded again here. So neither this table nor the features have to be computed
    again because of the other.

    Parameters
    ----------
    info_path, video, frames, span
        See `chronovision.videos.frames.dump_frames`.
    table : path-like
        TSV, see `COLUMNS`.
    thumbnails : path-like
        HDF5, see `chronovision.videos.thumbnail_writer.write_thumbnails`.
    """
    info = read_json(info_path)
    provenance = add_step(
        video_provenance(info, video),
        "describe_frames",
        {**frames, **span._asdict()},
        ["numpy", "pillow"],
    )
    with (
        new_h5(thumbnails, provenance) as file,
        new_table(table, COLUMNS, provenance) as append,
    ):
        rows = write_thumbnails(file, analysed_rows(info, frames, span, Decoding()))
        facts = _describe(rows)
        while block := list(itertools.islice(facts, BLOCK_ROWS)):
            append(pd.DataFrame(block, columns=list(COLUMNS)))


def _describe(rows: Iterator[Row]) -> Iterator[tuple]:
    """Yield the table's values of each row."""
    previous = None
    for number, row in enumerate(rows):
        about = (number, row.source_frame, row.time_s, row.key_frame, row.repeated)
        yield (*about, *pixel_facts(previous, row.rgb))
        previous = row.rgb
