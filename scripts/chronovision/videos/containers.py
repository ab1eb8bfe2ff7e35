"""What a video file's bytes say of it, whatever FFmpeg makes of them: kind, encryption, ends."""

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
#: What leads from the outermost boxes to the list of a track's sample descriptions, `stsd`.
NESTED = frozenset(b"moov trak mdia minf stbl".split())
#: Sample descriptions of encrypted pictures: ISO/IEC 23001-7, and Apple's FairPlay.
ENCRYPTED = frozenset(b"encv drmi".split())
#: How Matroska (EBML), ASF and Flash video begin.
EBML, ASF, FLV = b"\x1aE\xdf\xa3", bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), b"FLV\x01"
#: Objects of an ASF file's header that tell of encryption: simple, extended, advanced.
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
#: Formats of FFmpeg's that draw texts, or show what is in other files.
NOT_FILMS = frozenset(
    ("tty", "concat", "hls", "dash", "sdp", "imf", "rtsp", "avisynth", "vapoursynth", "image2")
)
#: Outermost boxes without the whole of which pictures are missing; others may claim what they like.
OF_PICTURES = frozenset(b"ftyp moov mdat moof sidx styp".split())
#: How films begin, in more bytes than come by chance.
BEGINNING = re.compile(
    rb"\0\0\0[\x08-\xff]ftyp[ -~]{4}|"
    rb"\x1aE\xdf\xa3.{1,60}?(?:matroska|webm)|"
    rb"FLV\x01[\0-\x05]\0\0\0\x09\0\0\0\0|"
    rb"RIFF.{4}AVI LIST|"
    rb"OggS\0\x02|" + re.escape(ASF),
    re.DOTALL,
)
#: Bytes that are worth a search for another film, and that are searched at a time.
LEAST_FILM, PIECE_BYTES = 1 << 16, 1 << 20
#: Bytes of a file that show whether it is text, and of an element that show its size.
TEXT_BYTES, HEAD_BYTES = 4096, 288
#: Texts have no other control characters than tabs, ends of lines and of pages, and escapes.
CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def refuse_text(path: Path, container: str | None = None) -> None:
    """Raise UserError for texts, to which FFmpeg gives pictures of its own or of other files.

    A playlist's or script's SHA-256 says nothing of the pictures that it names.

    Parameters
    ----------
    container : FFmpeg's names of the format, once they are known; some are texts with a preamble.
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


def refuse_encryption(path: Path) -> None:
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
        refuse_encrypted(path)


def refuse_encrypted(path: Path) -> None:
    """Raise the UserError for a file whose pictures are encrypted."""
    raise UserError(
        f"{path}: the file is encrypted, and nobody has its key here: get a copy without protection"
    )


def _sample_descriptions(file: BinaryIO, length: int) -> Iterator[bytes]:
    """Kinds of the sample descriptions of all tracks of an MP4 file."""
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


def refuse_joined_or_cut(path: Path) -> int:
    """Raise UserError if one file follows another in it, as by `cat`, or its end is missing.

    Of MP4, Flash and ASF files FFmpeg reads the first alone; of others it mixes the times. It says
    nothing of a file that ends just between two frames, as it does with Matroska.

    Returns
    -------
    Bytes at the file's end that belong to none of its outermost elements, as far as it has any.
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
            _refuse_second(path, start)
        begun |= not begins
        if old and kind == b"moov" and film == {b"moov", b"mdat"}:
            _refuse_second(path, after)
        end = start + size
        if kind in (b"moov", b"mdat") and len(film) < 2:
            film.add(kind)
            after = end
        _refuse_missing_end(path, end - length, head)
    if 0 < end < length and _has_open_end(path, end):
        return 0
    unread = max(length - end, 0) if end else 0
    if unread > max(LEAST_FILM, length // 100):
        _refuse_film_behind(path, end)
    return unread


def _refuse_film_behind(path: Path, end: int) -> None:
    """Raise UserError if another film begins anywhere behind the last element."""
    kept = b""  # The end of what was read before: a beginning may lie across it.
    with path.open("rb") as file:
        file.seek(end)
        while piece := file.read(PIECE_BYTES):
            found = BEGINNING.search(kept + piece)
            if found:
                _refuse_second(path, end - len(kept) + found.start())
            end += len(piece)
            kept = (kept + piece)[-HEAD_BYTES:]


def _has_open_end(path: Path, start: int) -> bool:
    """Whether an element begins here whose size is left open: it goes on to the file's end."""
    with path.open("rb") as file:
        file.seek(start)
        head = file.read(HEAD_BYTES)
    box = head[4:8] in BOXES and head[:4] == bytes(4)
    return box or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"))


def _refuse_second(path: Path, start: int) -> None:
    name, first, second = (shlex.quote(os.fspath(one)) for one in (path, *_parts(path)))
    raise UserError(
        f"{path}: another file begins at byte {start}, as if by `cat`, which is no way to join "
        f"videos: part them, `head -c {start} < {name} > {first}` and "
        f"`tail -c +{start + 1} < {name} > {second}`, and use both"
    )


def _parts(path: Path) -> list[Path]:
    """Names for two parts of a file, beside it, that no file has."""
    stem = path.stem
    while True:
        parts = [path.with_name(f"{stem}.part{number}{path.suffix}") for number in (1, 2)]
        if not any(os.path.lexists(part) for part in parts):
            return parts
        stem += "_"


def _refuse_missing_end(path: Path, missing: int, head: bytes) -> None:
    """Raise UserError if so many bytes are missing of an element that matters to the pictures."""
    # Some programs count the eight bytes before an AVI's contents, too.
    slack = 9 if _riff_size(head) else 0
    if missing > slack and (_riff_size(head) or (_box_size(head) and head[4:8] in OF_PICTURES)):
        raise UserError(
            f"{path}: the file is truncated (its container is {missing} bytes longer): get a "
            "complete copy"
        )


def _elements(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Place, size and first bytes of a file's outermost elements, as far as sizes are known."""
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
    """The function that gives the sizes of the elements of a file that begins so."""
    for size_of in (_box_size, _riff_size, _ogg_size):
        if size_of(head):
            return size_of
    known = {EBML: _ebml_size, ASF: _asf_size, FLV: _flv_size}
    return next((known[begin] for begin in known if head.startswith(begin)), None)


def _box_size(head: bytes) -> int | None:
    """Bytes of the box that begins so; None if it is none, or goes on to the end of the file."""
    if len(head) < 8 or head[4:8] not in BOXES:
        return None
    size, large = int.from_bytes(head[:4]), int.from_bytes(head[8:16])
    size = large if size == 1 else size
    return size if size >= 8 else None


def _unknown_box_size(head: bytes, left: int) -> int | None:
    """Bytes of a box of a kind of its own, as cameras write; rubbish would not fit the file."""
    size = int.from_bytes(head[:4])
    return size if re.fullmatch(b"[ -~\xa9]{4}", head[4:8]) and 8 <= size <= left else None


def _riff_size(head: bytes) -> int | None:
    """Bytes of the part of an AVI file that begins so; None if it is none or was never finished."""
    if head[:4] != b"RIFF" or head[8:12] not in (b"AVI ", b"AVIX"):
        return None
    size = int.from_bytes(head[4:8], "little")
    return None if size in (0, 2**32 - 1) else 8 + size + size % 2


def _ebml_size(head: bytes) -> int | None:
    """Bytes of a Matroska element; those before its contents, where their size is left open."""
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
    """Bytes of a header or tag of Flash video, with the size that follows it."""
    if head.startswith(FLV):
        return int.from_bytes(head[5:9]) + 4
    is_tag = len(head) > 11 and head[0] & 0x1F in (8, 9, 18)
    return 11 + int.from_bytes(head[1:4]) + 4 if is_tag else None


def _ogg_size(head: bytes) -> int | None:
    """Bytes of a page of an Ogg file."""
    if head[:4] != b"OggS" or len(head) < 27:
        return None
    return 27 + head[26] + sum(head[27 : 27 + head[26]])


def _begins_ogg(head: bytes) -> bool:
    """Whether a logical stream begins with this page of an Ogg file."""
    return head[:4] == b"OggS" and bool(head[5] & 2)
