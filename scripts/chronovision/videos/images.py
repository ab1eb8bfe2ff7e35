"""Export of the analysed frames of a video as individual images."""

import os
from collections.abc import Mapping

from PIL import Image

from chronovision.core.files import atomic_folder, read_json
from chronovision.videos.decoding import Decoding, analysed_rows
from chronovision.videos.span import Span


def export_images(
    *,
    info_path: str | os.PathLike,
    frames: Mapping,
    span: Span,
    suffix: str,
    folder: str | os.PathLike,
) -> None:
    """Write the analysed frames, as the network sees them, as individual images.

    Parameters
    ----------
    info_path, frames, span
        See `chronovision.videos.frames.dump_frames`.
    suffix : {'jpg', 'png'}
        ``jpg`` has quality 95.
    folder : path-like
        Receives ``{frame:06d}.jpg`` or ``.png``, numbered by row of the analysed series.
    """
    info = read_json(info_path)
    with atomic_folder(folder) as part:
        for number, row in enumerate(analysed_rows(info, frames, span, Decoding())):
            Image.fromarray(row.rgb).save(part / f"{number:06d}.{suffix}", quality=95)
