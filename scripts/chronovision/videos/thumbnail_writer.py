"""Writing of a video's thumbnails while it is decoded.

Figures and pages read thumbnails with `chronovision.videos.thumbnails`. It is another module so
that a change of the decoding does not redraw the figures.
"""

import io
import math
from collections.abc import Iterable, Iterator

import h5py
import numpy as np
from PIL import Image

from chronovision.videos.selection import Row

#: Least time between thumbnails in seconds: any segment of 0.5 s holds one.
INTERVAL_S = 0.25
#: Height and width in pixels.
SIZE = 112
#: Quality of the JPEGs.
QUALITY = 80


def write_thumbnails(file: h5py.File, rows: Iterable[Row]) -> Iterator[Row]:
    """Pass the rows of a video on, and write thumbnails of some: at most four a second.

    Parameters
    ----------
    file : File
        Receives ``frame`` and ``time_s`` (m,), and ``jpeg`` (m,) byte strings.
    rows : iterable of Row
        The analysed series.

    Yields
    ------
    Row
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
