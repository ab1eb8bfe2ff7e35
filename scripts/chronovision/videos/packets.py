"""Packets of a stream: what their times tell of its frames, and what they do not."""

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chronovision.core.timing import has_variable_rate
from chronovision.errors import UserError
from chronovision.videos.ffmpeg import at_steady_rate

#: What ffprobe is asked for, as comma-separated lines.
ASKED = ("-show_entries", "packet=pts,dts,size,flags", "-of", "csv=p=0")
#: Codecs of which each packet holds one picture that is shown. MPEG-1, -2 and -4 have packets
#: without one, and VP8 has hidden pictures.
ONE_PICTURE = frozenset(
    ("av1", "dnxhd", "dvvideo", "ffv1", "ffvhuff", "gif", "h264", "hevc", "huffyuv", "jpeg2000")
    + ("mjpeg", "png", "prores", "rawvideo", "utvideo", "v210", "vp9")
)
#: Those of them whose packets may come in another order than their pictures.
REORDERED = frozenset(["h264", "hevc"])
#: Codecs whose packets may still hold half a picture, or none, as where a film was cut: how they
#: begin is compared with what decoding gives, see `chronovision.videos.clock.begins_so`.
PREDICTED = frozenset(["av1", "h264", "hevc", "vp9"])
#: A packet of H.264 or HEVC with fewer bytes may hold a delimiter alone, of 6 or 7. Films have some
#: of 15, which repeat a picture.
LEAST_BYTES = 8
#: Times further apart, in seconds, may be a jump of the clock that FFmpeg closes …
LONGEST_STEP_S = 5.0
#: … which it does if they go on by more than this, or back by more than the second.
JUMP_S, JUMP_BACK_S = 10.0, 0.1
#: Frames closer together, in seconds, in a stream of variable rate: one of them may be out of turn.
SHORTEST_STEP_S = 0.01

#: Stands for a time that a packet does not have.
MISSING = -(2**63)


@dataclass(frozen=True)
class Packets:
    """The packets of a stream, in the order of the file.

    Attributes
    ----------
    pts, dts : (n,) int64, ticks of presentation and decoding of those that are to be shown, or
        `MISSING`.
    least_bytes : size of the smallest of them.
    first_pts : presentation of the first packet, whether it is to be shown or not, if that is a
        key frame; else `MISSING`.
    """

    pts: np.ndarray
    dts: np.ndarray
    least_bytes: int
    first_pts: int


def read_packets(path: str | os.PathLike, rows: Iterable[str]) -> Packets:
    """Packets from ffprobe's lines, see `ASKED`.

    Raises
    ------
    UserError : the last packet is incomplete, or none has a time.
    ValueError : a line that makes no sense.
    """
    pts, dts, sizes = array("q"), array("q"), array("q")
    first, flags = None, ""
    for row in filter(None, map(str.strip, rows)):
        *numbers, flags = row.split(",")[:4]
        shown, decoded, size = (MISSING if one == "N/A" else int(one) for one in numbers)
        if first is None:
            first = shown if "K" in flags else MISSING
        if "D" not in flags:
            pts.append(shown)
            dts.append(decoded)
            sizes.append(size)
    found = Packets(
        np.array(pts), np.array(dts), min(sizes, default=0), MISSING if first is None else first
    )
    if pts and max(found.pts.max(), found.dts.max()) == MISSING:
        raise UserError(f"{path}: frame 0 has no timestamp; {at_steady_rate(path)}")
    if "C" in flags:
        raise UserError(f"{path}: the file breaks off within its last packet: get a complete copy")
    return found


def shown_times(packets: Packets, codec: str, delayed: bool, tick_s: float) -> np.ndarray | None:
    """Ticks of the frames, in their order, if the packets alone tell what decoding would give.

    Each packet must hold a picture and have a time of its own; the first must be a key frame, and
    none be shown before it; nothing may look like a jump of the clock or a frame out of turn. Times
    in the order of the packets are not those of pictures that are shown in another order.

    Parameters
    ----------
    packets : of the stream.
    codec : by FFmpeg's name.
    delayed : whether the decoder holds pictures back, to show them in another order.
    tick_s : unit of the times, in seconds.

    Returns
    -------
    (n,) int64, increasing; None if only decoding can tell.
    """
    ticks = np.sort(packets.pts)
    least = LEAST_BYTES if codec in REORDERED else 1
    if codec not in ONE_PICTURE or len(ticks) < 2 or packets.least_bytes < least:
        return None
    if ticks[0] == MISSING or packets.first_pts == MISSING or ticks[0] < packets.first_pts:
        return None
    decoded = packets.dts[packets.dts != MISSING]
    steps, order = np.diff(ticks), np.diff(decoded)
    longest = LONGEST_STEP_S / tick_s
    if steps.min() <= 0 or max(steps.max(), order.max(initial=0)) > longest:
        return None
    in_turn = np.diff(packets.pts).min() > 0
    if order.min(initial=1) <= 0 or in_turn == (codec in REORDERED and delayed):
        return None
    close = steps.min() * tick_s < SHORTEST_STEP_S
    return None if close and has_variable_rate(ticks * tick_s) else ticks


def count_jumps(packets: Packets, tick_s: float) -> int:
    """Places where the clock of decoding jumps as FFmpeg takes for the seam of a joined stream."""
    steps = np.diff(packets.dts[packets.dts != MISSING]) * tick_s
    return int(np.sum((steps > JUMP_S) | (steps < -JUMP_BACK_S)))
