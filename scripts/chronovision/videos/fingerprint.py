"""Hashes of files: whether a video is still the one that was probed."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from chronovision.errors import UserError

#: Number of places in a file that `sampled_hash` reads.
PLACES = 8
#: Number of bytes that it reads at each place.
PLACE_BYTES = 8192


def sha256_of(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a whole file in hexadecimal digits, as provenance holds it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sampled_hash(path: str | os.PathLike) -> str | None:
    """Return a value that shows within milliseconds whether a file was replaced.

    It is the SHA-256 of the file's size and of `PLACES` × `PLACE_BYTES` bytes, at even distances
    from the first to the last, as 16 hexadecimal digits. Time stamps do not count. Another encoding
    of the same film has another hash. A few bytes altered between those places do not show.

    Returns
    -------
    str or None
        None if there is no such file, or it cannot be read: the job that needs it reports that.
    """
    if not os.path.isfile(path):  # to open a pipe would wait for a writer
        return None
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.sha256(str(size).encode())
            for number in range(PLACES):
                file.seek(max(size - PLACE_BYTES, 0) * number // (PLACES - 1))
                digest.update(file.read(PLACE_BYTES))
    except OSError:
        return None
    return digest.hexdigest()[:16]


def require_same_file(info: Mapping, thorough: bool = True) -> None:
    """Raise UserError unless the video is still the file that was probed.

    Parameters
    ----------
    info : mapping
        Contents of ``videos/{video}.json``.
    thorough : bool, default True
        Compare the SHA-256 as well, not only the size.
    """
    path = Path(info["path"])
    if not path.is_file():
        raise UserError(f"{path}: the video has disappeared since it was probed: put it back")
    same = path.stat().st_size == info["bytes"]
    if not same or (thorough and sha256_of(path) != info["sha256"]):
        raise UserError(
            f"{path}: the video is not the file that was probed, so it was replaced or is still "
            "being written: run again when it is complete"
        )


def video_provenance(info: dict, video: str) -> dict:
    """Return the provenance record of a probed video, under its id."""
    about = {key: info[key] for key in ("path", "sha256", "stream")}
    return {**info["provenance"], "videos": {video: about}}
