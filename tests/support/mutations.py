"""Ways in which a file is damaged, as functions of its bytes and a generator of random numbers."""

from collections.abc import Callable

import numpy as np

#: What a file may begin with that is something else than it seems.
FOREIGN = (
    b"RIFF\xff\xff\xff\xffAVI LIST",
    b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41",
    b"\x00\x00\x01\xba\x44\x00\x04\x00\x04\x01",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    b"OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00",
    b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00",
    b"\x00\x00\x00\x01\x67\x42\xc0\x1e",
)


def mutate(data: bytes, kind: str, seed: str) -> bytes:
    """`data` damaged in the way `kind`, the same for the same `seed` on every machine."""
    return KINDS[kind](data, np.random.default_rng(list(seed.encode())))


def flip_few(data: bytes, rng: np.random.Generator) -> bytes:
    return _flip(data, rng.integers(0, len(data), 8), rng)


def flip_many(data: bytes, rng: np.random.Generator) -> bytes:
    return _flip(data, rng.integers(0, len(data), len(data) // 100), rng)


def damage_header(data: bytes, rng: np.random.Generator) -> bytes:
    """A few of the first bytes, where containers say what they hold."""
    return _flip(data, rng.integers(0, 1000, 6), rng)


def foreign_header(data: bytes, rng: np.random.Generator) -> bytes:
    head = FOREIGN[rng.integers(len(FOREIGN))]
    return head + data[len(head) :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The first 3 to 99.5 % of the file, as of a copy that was broken off."""
    return data[: int(len(data) * rng.uniform(0.03, 0.995))]


def zero_fill(data: bytes, rng: np.random.Generator) -> bytes:
    """Up to a tenth is zero, as after a download that missed a part."""
    start, end = _range(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def remove_block(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _range(data, rng)
    return data[:start] + data[end:]


def repeat_block(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _range(data, rng)
    return data[:end] + data[start:]


def swap_blocks(data: bytes, rng: np.random.Generator) -> bytes:
    """Two neighbouring blocks of one size change places."""
    size = int(rng.integers(16, len(data) // 10))
    start = int(rng.integers(0, len(data) - 2 * size))
    middle, end = start + size, start + 2 * size
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def append_garbage(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, len(data) // 4)))


def _flip(data: bytes, places: np.ndarray, rng: np.random.Generator) -> bytes:
    """The bytes at `places` with between one and all of their bits turned."""
    flipped = np.frombuffer(data, np.uint8).copy()
    flipped[places] ^= rng.integers(1, 256, len(places), dtype=np.uint8)
    return flipped.tobytes()


def _range(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Start and end of a block of up to a tenth of the file."""
    size = int(rng.integers(1, len(data) // 10))
    start = int(rng.integers(0, len(data) - size))
    return start, start + size


KINDS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    function.__name__: function
    for function in (
        *(flip_few, flip_many, damage_header, foreign_header, cut, zero_fill),
        *(remove_block, repeat_block, swap_blocks, append_garbage),
    )
}
