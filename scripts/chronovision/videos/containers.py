"""Checks of a video file's own bytes, before FFmpeg reads them: kind, encryption, completeness."""

import codecs
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from chronovision.errors import UserError

#: Outermost elements of MP4 and MOV files.
BOXES = frozenset(
    b"ftyp moov mdat moof mfra free skip wide uuid sidx ssix styp emsg prft pdin meta".split()
)
#: Boxes on the way from the outermost ones to the list of a track's sample descriptions, `stsd`.
NESTED = frozenset(b"moov trak mdia minf stbl".split())
#: Sample descriptions of encrypted pictures: ISO/IEC 23001-7, and Apple's FairPlay.
ENCRYPTED = frozenset(b"encv drmi".split())
#: First bytes of Matroska files.
EBML = b"\x1aE\xdf\xa3"
#: First bytes of ASF files.
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
#: First bytes of Flash video.
FLV = b"FLV\x01"
#: Ids of the objects in an ASF header that announce encryption: simple, extended, advanced.
ASF_ENCRYPTION = tuple(
    map(
        bytes.fromhex,
        (
            "fbb3112223bdd211b4b700a0c955fc6e",
            "14e68a292226174cb935dae07ee9289c",
            "338505438169e6499b74ad12cb86d58c",
        ),
    )
)
#: FFmpeg's names of formats that draw texts, or show what is in other files.
NOT_FILMS = frozenset(
    ("tty", "concat", "hls", "dash", "sdp", "imf", "rtsp", "avisynth", "vapoursynth", "image2")
)
#: Outermost boxes that must be complete, or pictures are missing. Others may have any size.
OF_PICTURES = frozenset(b"ftyp moov mdat moof sidx styp".split())
#: First bytes of video files, in more bytes than occur by chance.
BEGINNING = re.compile(
    rb"\0\0\0[\x08-\xff]ftyp[ -~]{4}|"
    rb"\x1aE\xdf\xa3.{1,60}?(?:matroska|webm)|"
    rb"FLV\x01[\0-\x05]\0\0\0\x09\0\0\0\0|"
    rb"RIFF.{4}AVI LIST|"
    rb"OggS\0\x02|" + re.escape(ASF),
    re.DOTALL,
)
#: Least number of unread bytes that are searched for another video.
LEAST_FILM = 1 << 16
#: Number of bytes that are searched at a time.
PIECE_BYTES = 1 << 20
#: Number of bytes at the beginning of a file that show whether it is text.
TEXT_BYTES = 4096
#: Number of bytes at the beginning of an element that show its size.
HEAD_BYTES = 288
#: Control characters that do not occur in texts: all but tabs, ends of lines and pages, and
#: escapes.
CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def require_no_text(path: Path, container: str | None = None) -> None:
    """Raise UserError for a text file, which FFmpeg would draw or follow to other files.

    The SHA-256 of a playlist or script says nothing about the pictures that it names.

    Parameters
    ----------
    path : Path
        The file.
    container : str, optional
        FFmpeg's names of the format, once they are known. Some formats are texts with a preamble.
    """
    if container is None and _is_text(path):
        raise UserError(
            f"{path}: not a video but text, which FFmpeg would draw, or follow to other files: "
            "name the video itself"
        )
    if container is not None and not NOT_FILMS.isdisjoint(container.split(",")):
        raise UserError(
            f"{path}: not a video by itself: FFmpeg takes it for `{container}` and would draw it, "
            "or follow it to other files: name the video itself, or rename it"
        )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(TEXT_BYTES)
    if head.startswith(b"YUV4MPEG2 "):  # A line of text, then pictures.
        return False
    try:
        # Of a character at the end there may be the first bytes alone.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return not CONTROL.search(text)


def require_unencrypted(path: Path) -> None:
    """Raise UserError if the pictures of an MP4, MOV or ASF file are encrypted."""
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        encrypted = False
        if head.startswith(ASF):
            header = file.read(min(int.from_bytes(head[16:24], "little"), length))
            encrypted = any(guid in header for guid in ASF_ENCRYPTION)
        elif _box_size(head):
            encrypted = not ENCRYPTED.isdisjoint(_sample_descriptions(file, length))
    if encrypted:
        raise encrypted_error(path)


def encrypted_error(path: Path) -> UserError:
    """Return the error for a file whose pictures are encrypted."""
    return UserError(
        f"{path}: the file is encrypted, and nobody has its key here: get a copy without protection"
    )


def _sample_descriptions(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Yield the kinds of the sample descriptions of all tracks of an MP4 file."""
    start = 0
    while start < length:
        file.seek(start)
        head = file.read(24)
        size, large, kind = int.from_bytes(head[:4]), int.from_bytes(head[8:16]), head[4:8]
        before, size = (16, large) if size == 1 else (8, size)
        if kind == b"stsd":
            yield head[20:24]
        if size < before:
            return
        start += before if kind in NESTED else size


def require_one_complete_file(path: Path) -> int:
    """Raise UserError if another file follows in the same file, as by `cat`, or the end is missing.

    Of two joined MP4, Flash or ASF files FFmpeg reads only the first; of other formats it mixes the
    times. It does not report a file that is cut between two frames, as happens with Matroska.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    int
        Number of bytes at the file's end that belong to none of its outermost elements.
    """
    length, end = path.stat().st_size, 0
    begun = False  # Whether anything but the beginning has been seen.
    film: set[bytes] = set()  # What of the two parts of a film in old QuickTime files, …
    after = 0  # … and where the latter ends.
    own: tuple[bytes, ...] = ()  # How a file of this kind begins, unless by a box or page.
    for start, size, head in _elements(path):
        kind = head[4:8]
        if start == 0:
            own = tuple(magic for magic in (EBML, ASF, FLV) if head.startswith(magic))
            old = kind != b"ftyp"
        begins = kind == b"ftyp" or head.startswith(own) or _begins_ogg(head)
        if begun and begins:
            raise _joined_error(path, start)
        begun |= not begins
        if old and kind == b"moov" and film == {b"moov", b"mdat"}:
            raise _joined_error(path, after)
        end = start + size
        if kind in (b"moov", b"mdat") and len(film) < 2:
            film.add(kind)
            after = end
        _require_end(path, end - length, head)
    if 0 < end < length and _has_open_end(path, end):
        return 0
    unread = max(length - end, 0) if end else 0
    if unread > max(LEAST_FILM, length // 100):
        _require_no_film_behind(path, end)
    return unread


def _require_no_film_behind(path: Path, end: int) -> None:
    """Raise UserError if another video begins anywhere behind the last element."""
    kept = b""  # The end of what was read before: a beginning may lie across it.
    with path.open("rb") as file:
        file.seek(end)
        while piece := file.read(PIECE_BYTES):
            found = BEGINNING.search(kept + piece)
            if found:
                raise _joined_error(path, end - len(kept) + found.start())
            end += len(piece)
            kept = (kept + piece)[-HEAD_BYTES:]


def _has_open_end(path: Path, start: int) -> bool:
    """Return whether the element that begins here has no size and goes on to the file's end."""
    with path.open("rb") as file:
        file.seek(start)
        head = file.read(HEAD_BYTES)
    box = head[4:8] in BOXES and head[:4] == bytes(4)
    return box or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"))


def _joined_error(path: Path, start: int) -> UserError:
    name, first, second = (shlex.quote(os.fspath(one)) for one in (path, *_parts(path)))
    return UserError(
        f"{path}: another file begins at byte {start}, as if by `cat`, which is no way to join "
        f"videos: part them, `head -c {start} < {name} > {first}` and "
        f"`tail -c +{start + 1} < {name} > {second}`, and use both"
    )


def _parts(path: Path) -> list[Path]:
    """Return names for two parts of a file, beside it, that no file has yet."""
    stem = path.stem
    while True:
        parts = [path.with_name(f"{stem}.part{number}{path.suffix}") for number in (1, 2)]
        if not any(os.path.lexists(part) for part in parts):
            return parts
        stem += "_"


def _require_end(path: Path, missing: int, head: bytes) -> None:
    """Raise UserError if `missing` bytes are missing of an element that matters to the pictures."""
    # Some programs count the eight bytes before an AVI's contents, too.
    slack = 9 if _riff_size(head) else 0
    if missing > slack and (_riff_size(head) or (_box_size(head) and head[4:8] in OF_PICTURES)):
        raise UserError(
            f"{path}: the file is truncated (its container is {missing} bytes longer): get a "
            "complete copy"
        )


def _elements(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield place, size and first bytes of the outermost elements, as far as sizes are known."""
    length, start = path.stat().st_size, 0
    with path.open("rb", buffering=0) as file:
        size_of = _measure(file.read(HEAD_BYTES))
        while size_of and start < length:
            file.seek(start)
            head = file.read(HEAD_BYTES)
            size = size_of(head)
            if size_of is _box_size and not size:
                size = _unknown_box_size(head, length - start)
            if not size:
                return
            yield start, size, head
            start += size


def _measure(head: bytes) -> Callable[[bytes], int | None] | None:
    """Return the function that gives the sizes of the elements of such a file."""
    for size_of in (_box_size, _riff_size, _ogg_size):
        if size_of(head):
            return size_of
    known = {EBML: _ebml_size, ASF: _asf_size, FLV: _flv_size}
    return next((known[begin] for begin in known if head.startswith(begin)), None)


def _box_size(head: bytes) -> int | None:
    """Return the size of an MP4 box in bytes; None if it is none, or goes on to the file's end."""
    if len(head) < 8 or head[4:8] not in BOXES:
        return None
    size, large = int.from_bytes(head[:4]), int.from_bytes(head[8:16])
    size = large if size == 1 else size
    return size if size >= 8 else None


def _unknown_box_size(head: bytes, left: int) -> int | None:
    """Return the size of a box of an unknown kind, as cameras write; None if it would not fit."""
    size = int.from_bytes(head[:4])
    return size if re.fullmatch(b"[ -~\xa9]{4}", head[4:8]) and 8 <= size <= left else None


def _riff_size(head: bytes) -> int | None:
    """Return the size of a part of an AVI file; None if it is none or was never finished."""
    if head[:4] != b"RIFF" or head[8:12] not in (b"AVI ", b"AVIX"):
        return None
    size = int.from_bytes(head[4:8], "little")
    return None if size in (0, 2**32 - 1) else 8 + size + size % 2


def _ebml_size(head: bytes) -> int | None:
    """Return the size of a Matroska element, or that of its header where the size is left open."""
    tag = 9 - head[0].bit_length() if head else 9
    if tag > 4 or len(head) <= tag or not head[tag]:
        return None
    length = 9 - head[tag].bit_length()
    size = int.from_bytes(head[tag : tag + length]) - (1 << 7 * length)
    return tag + length + (0 if size == (1 << 7 * length) - 1 else size)


def _asf_size(head: bytes) -> int | None:
    size = int.from_bytes(head[16:24], "little")
    return size if size >= 24 else None


def _flv_size(head: bytes) -> int | None:
    """Return the size of a header or tag of Flash video, with the size field that follows it."""
    if head.startswith(FLV):
        return int.from_bytes(head[5:9]) + 4
    is_tag = len(head) > 11 and head[0] & 0x1F in (8, 9, 18)
    return 11 + int.from_bytes(head[1:4]) + 4 if is_tag else None


def _ogg_size(head: bytes) -> int | None:
    """Return the size of a page of an Ogg file."""
    if head[:4] != b"OggS" or len(head) < 27:
        return None
    return 27 + head[26] + sum(head[27 : 27 + head[26]])


def _begins_ogg(head: bytes) -> bool:
    """Return whether a logical stream begins with this page of an Ogg file."""
    return head[:4] == b"OggS" and bool(head[5] & 2)
