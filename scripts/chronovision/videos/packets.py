"""Packets of a stream: whether their timestamps alone give the times of the frames."""

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chronovision.core.timing import has_variable_rate
from chronovision.errors import UserError
from chronovision.videos.ffmpeg import at_steady_rate

#: Options that make ffprobe print packets as comma-separated lines.
ASKED = ("-show_entries", "packet=pts,dts,size,flags", "-of", "csv=p=0")
#: Codecs of which each packet holds one picture that is shown. MPEG-1, -2 and -4 have packets
#: without one, and VP8 has hidden pictures.
ONE_PICTURE = frozenset(
    ("av1", "dnxhd", "dvvideo", "ffv1", "ffvhuff", "gif", "h264", "hevc", "huffyuv", "jpeg2000")
    + ("mjpeg", "png", "prores", "rawvideo", "utvideo", "v210", "vp9")
)
#: Codecs of `ONE_PICTURE` whose packets may come in another order than their pictures.
REORDERED = frozenset(["h264", "hevc"])
#: Codecs whose packets may still hold half a picture or none, for instance where a film was cut.
#: The first packets are compared with decoded frames, see `chronovision.videos.clock.begins_so`.
PREDICTED = frozenset(["av1", "h264", "hevc", "vp9"])
#: Least size in bytes of a packet of H.264 or HEVC with a picture. A delimiter alone has 6 or 7
#: bytes, a packet that repeats a picture may have 15.
LEAST_BYTES = 8
#: Longest step between two times, in seconds, that cannot be a jump of the clock.
LONGEST_STEP_S = 5.0
#: Step forward in seconds beyond which FFmpeg takes it for a jump of the clock, and closes it.
JUMP_S = 10.0
#: Step back in seconds beyond which FFmpeg does the same.
JUMP_BACK_S = 0.1
#: Shortest step between frames of variable rate, in seconds. Of closer ones one may be out of turn.
SHORTEST_STEP_S = 0.01

#: Value of a time that a packet does not have.
MISSING = -(2**63)


@dataclass(frozen=True)
class Packets:
    """Packets of a stream that are to be shown, in the order of the file.

    Attributes
    ----------
    pts, dts : (n,) int64 array
        Presentation and decoding timestamps in ticks, or `MISSING`.
    least_bytes : int
        Size of the smallest packet.
    first_pts : int
        Presentation timestamp of the stream's first packet, whether it is to be shown or not, if
        that packet is a key frame; else `MISSING`.
    """

    pts: np.ndarray
    dts: np.ndarray
    least_bytes: int
    first_pts: int


def read_packets(path: str | os.PathLike, rows: Iterable[str]) -> Packets:
    """Read packets from ffprobe's lines, see `ASKED`.

    Raises
    ------
    UserError
        The last packet is incomplete, or no packet has a time.
    ValueError
        A line cannot be parsed.
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
    """Return the times of the frames in their order, if the packets alone give what decoding would.

    Each packet must hold a picture and have a time of its own. The first must be a key frame, and
    none may be shown before it. Nothing may look like a jump of the clock or a frame out of turn.
    Times in the order of the packets are wrong where pictures are shown in another order.

    Parameters
    ----------
    packets : Packets
        Packets of the stream.
    codec : str
        FFmpeg's name of the codec.
    delayed : bool
        Whether the decoder holds pictures back, to show them in another order.
    tick_s : float
        Unit of the timestamps in seconds.

    Returns
    -------
    (n,) int64 array or None
        Increasing ticks; None if only decoding can tell the times.
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
    """Count the jumps of the decoding clock that FFmpeg takes for the seam of a joined stream."""
    steps = np.diff(packets.dts[packets.dts != MISSING]) * tick_s
    return int(np.sum((steps > JUMP_S) | (steps < -JUMP_BACK_S)))
