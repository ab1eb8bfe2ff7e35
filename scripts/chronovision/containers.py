"""What a video file's bytes say of it, whatever FFmpeg makes of them."""

from pathlib import Path

from chronovision.errors import UserError

#: Outermost elements of MP4 and MOV files.
BOXES = frozenset(
    b"ftyp moov mdat moof mfra free skip wide uuid sidx ssix styp emsg prft pdin meta".split()
)


def refuse_missing_end(path: Path, container: str) -> None:
    """Raise UserError if the outermost elements of an MP4, MOV or AVI file go on beyond its end.

    FFmpeg says nothing of a file that ends just between two frames, as it does with Matroska.
    """
    # Some programs count the eight bytes before an AVI's contents, too.
    measures = {"mov": (_box_size, 0), "avi": (_riff_size, 9)}
    size_of, slack = measures.get(container.split(",")[0], (None, 0))
    length, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while size_of and start < length:
            file.seek(start)
            size = size_of(file.read(16))
            if size is None:
                return
            start += size
    if start > length + slack:
        raise UserError(
            f"{path}: the file is truncated (its container is {start - length} bytes longer): get "
            "a complete copy"
        )


def _box_size(head: bytes) -> int | None:
    """Bytes of the box that begins so; None if it is none, or goes on to the end of the file."""
    if len(head) < 8 or head[4:8] not in BOXES:
        return None
    size, large = int.from_bytes(head[:4]), int.from_bytes(head[8:16])
    size = large if size == 1 else size
    return size if size >= 8 else None


def _riff_size(head: bytes) -> int | None:
    """Bytes of the part of an AVI file that begins so; None if it is none or was never finished."""
    if head[:4] != b"RIFF" or head[8:12] not in (b"AVI ", b"AVIX"):
        return None
    size = int.from_bytes(head[4:8], "little")
    return None if size in (0, 2**32 - 1) else 8 + size + size % 2
