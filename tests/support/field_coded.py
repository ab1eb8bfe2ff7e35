"""H.264 whose fields are coded apart, each in a packet of its own: what x264 cannot write.

ITU-T H.264, 7.3: a baseline of syntax, with macroblocks of I_PCM, which hold their samples as such.
"""

import re

#: Macroblocks of a field, across.
WIDE = 4
#: Macroblocks of a field, down.
HIGH = 3
#: Pictures from one key frame to the next.
GROUP = 25


def ue(value: int) -> str:
    """Exp-Golomb code."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def unit(header: int, bits: str) -> bytes:
    """A NAL unit of Annex B."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\0\0\0\1" + bytes([header]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)


def parameters() -> bytes:
    """Main profile, level 3: fields in the order of display, no timing, CAVLC."""
    size = ue(WIDE - 1) + ue(HIGH - 1)
    # Eight bits of frame_num and of the order count; no frames alone, no cropping, no VUI.
    sequence = f"{77:08b}{0:08b}{30:08b}" + ue(0) + ue(4) + ue(0) + ue(4) + ue(1) + "0" + size
    picture = ue(0) + ue(0) + "00" + ue(0) * 3 + "000" + ue(0) * 3 + "000"
    return unit(0x67, sequence + "00100") + unit(0x68, picture)


def field(number: int, bottom: int) -> bytes:
    """A field, whose brightness tells its number."""
    index = number % GROUP
    key = index == 0 and not bottom
    bits = ue(0) + ue(7) + ue(0) + f"{index:08b}1{bottom}" + (ue(0) if key else "")
    bits += f"{2 * index + bottom:08b}" + ("00" if key else "0") + ue(0)
    for block in range(WIDE * HIGH):
        bits += ue(25)
        bits += "0" * (-len(bits) % 8)
        bits += f"{(40 + 3 * number + 5 * block) % 200 + 20:08b}" * 256 + f"{128:08b}" * 128
    return unit(0x65 if key else 0x41, bits)


def stream(pictures: int) -> bytes:
    """The fields of so many pictures."""
    coded = b""
    for number in range(pictures):
        for bottom in (0, 1):
            coded += b"\0\0\0\1\x09\x10"
            coded += parameters() if number % GROUP == bottom == 0 else b""
            coded += field(number, bottom)
    return coded
