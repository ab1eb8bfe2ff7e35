"""Probing of a video file: streams, times, geometry, SHA-256."""

import json
import logging
import math
import os
import re
import subprocess
from collections import Counter
from collections.abc import Container
from fractions import Fraction
from pathlib import Path

import numpy as np

from chronovision.core.files import write_json
from chronovision.core.provenance import add_step
from chronovision.core.timing import has_variable_rate, median_interval, nominal_interval
from chronovision.errors import UserError
from chronovision.videos.clock import begins_so, decoded_times
from chronovision.videos.containers import (
    encrypted_error,
    require_no_text,
    require_one_complete_file,
    require_unencrypted,
)
from chronovision.videos.ffmpeg import (
    ADDRESS,
    advised,
    at_steady_rate,
    find_tools,
    input_url,
    run_ffprobe,
)
from chronovision.videos.fingerprint import sha256_of
from chronovision.videos.packets import (
    ASKED,
    JUMP_S,
    PREDICTED,
    Packets,
    count_jumps,
    read_packets,
    shown_times,
)

log = logging.getLogger(__name__)

#: Formats whose clock may jump, for instance where parts were joined. FFmpeg closes the jumps.
CLOSING = frozenset(("mpeg", "mpegts", "ogg"))
#: Largest ratio of width and height. Beyond it (a broken header) scaling may take a second and a GB
#: per frame.
LONGEST = 100
#: Factor by which another stream must have more pictures, so that the chosen one is a still.
FEWER = 10
#: FFmpeg's message on the stream that becomes the first one of its output.
MAPPING = re.compile(r"^  Stream #0:(\d+)(?:\[\w+\])? -> #0:0 \(", re.MULTILINE)


def probe(path: str | os.PathLike, stream: int | None = None) -> dict:
    """Describe a video; it is decoded only if its packets do not give the times of its frames.

    Parameters
    ----------
    path : path-like
        A file in any container that FFmpeg reads.
    stream : int, optional
        Absolute index of the video stream; by default FFmpeg's own choice.

    Returns
    -------
    dict
        With the following keys:

        - ``path``, ``bytes``, ``container``: the file, its size, and FFmpeg's names of its format
        - ``stream``, ``video_streams``: index of the chosen stream, and of all video streams
        - ``codec``, ``width``, ``height``: FFmpeg's name of the codec, and the size in coded pixels
        - ``rotation``: in degrees counter-clockwise, as FFmpeg reports it
        - ``sar``: sample aspect ratio as "num:den"
        - ``time_base``: unit of the timestamps in seconds, as a fraction
        - ``header_frames``: number of frames that the container claims, or None
        - ``n_frames``, ``n_coded``: frames that decoding gives, and packets that are to be shown
        - ``times``: where the times come from, ``packets`` or ``decoded``
        - ``clock_jumps``: number of jumps of the file's clock that FFmpeg closes
        - ``frame_rate``, ``vfr``: the regular rate (1/s), and whether intervals differ
        - ``median_interval_s``: median time from frame to frame
        - ``duration_s``: from the first to the last frame, plus the median interval

    Raises
    ------
    UserError
        The file is missing, empty, truncated, a text, encrypted, joined by `cat`, or no video. It
        has no video stream, not the stream asked for, or a still picture as its best stream. Its
        pictures are rotated by no quarter turn. It has fewer than two frames, or frames without
        times.
    """
    path = Path(path)
    _require_video_bytes(path)
    container, videos = _describe(path)
    chosen = _choose_stream(path, videos, stream)
    if stream is None and len(videos) > 1:
        _require_film(path, videos, chosen, container)
    found = videos[chosen]
    time_base = Fraction(found["time_base"])
    if "enc_key_id" in found.get("tags", {}):  # FFmpeg's note on a track of Matroska
        raise encrypted_error(path)
    _require_plausible_shape(path, found)
    rotation = _rotation(path, found)
    header_frames = found.get("nb_frames", "")
    with run_ffprobe(path, "-select_streams", str(chosen), *ASKED) as rows:
        packets = read_packets(path, rows)
    timing = _timing(path, found, packets, container)
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "container": container,
        "stream": chosen,
        "video_streams": sorted(videos),
        "codec": found.get("codec_name", "unknown"),
        "width": found["width"],
        "height": found["height"],
        "rotation": rotation,
        "sar": _aspect(found),
        "time_base": str(time_base),
        "header_frames": int(header_frames) if header_frames.isdigit() else None,
        **timing,
    }


def _require_video_bytes(path: Path) -> None:
    """Raise UserError for files that FFmpeg would misread without a complaint."""
    if not path.is_file():
        raise UserError(f"{path}: no such video file; correct its path in the videos table")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty: get a complete copy")
    require_no_text(path)
    require_unencrypted(path)
    unread = require_one_complete_file(path)
    if unread:
        log.warning(
            "%s: the last %d bytes belong to nothing that its container names: FFmpeg may not read "
            "them",
            path,
            unread,
        )


def _is_video(stream: dict) -> bool:
    """Return whether a stream is a video; cover pictures are coded as video streams, too."""
    picture = stream.get("disposition", {}).get("attached_pic", 0)
    return stream.get("codec_type") == "video" and not picture


def _describe(path: Path) -> tuple[str, dict[int, dict]]:
    """Return the container's name, and ffprobe's description of each video stream by its index."""
    with run_ffprobe(path, "-show_streams", "-show_format", "-of", "json") as said:
        described = said.read()
    header = json.loads(described)
    require_no_text(path, header["format"]["format_name"])
    videos = {s["index"]: s for s in header.get("streams", []) if _is_video(s)}
    if not videos:
        raise UserError(f"{path}: no video stream in this file (audio or subtitles only?)")
    return header["format"]["format_name"], videos


def _choose_stream(path: Path, videos: dict[int, dict], asked: int | None) -> int:
    sizes = {index: f"{s.get('width')}×{s.get('height')}" for index, s in videos.items()}
    listed = ", ".join(f"{index} ({size})" for index, size in sizes.items())
    if asked is not None:
        if asked not in videos:
            raise UserError(
                f"{path}: stream {asked} is not a video stream; the file has {listed}: correct "
                "`stream` in the videos table"
            )
        return asked
    chosen = next(iter(videos)) if len(videos) == 1 else _best_stream(path, videos)
    if len(videos) > 1:
        log.info("%s has video streams %s; FFmpeg's own choice is %d", path, listed, chosen)
    return chosen


def _best_stream(path: Path, videos: Container[int]) -> int:
    """Return the absolute index of the stream that FFmpeg takes by default."""
    command = [find_tools().ffmpeg, "-hide_banner", "-nostdin", "-i", input_url(path)]
    # Titles are printed among the lines: those of the input before the one that is sought.
    command += ["-map_metadata", "-1", "-map_chapters", "-1", "-an", "-sn", "-dn"]
    command += ["-frames:v", "1", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    mappings = MAPPING.findall(done.stderr)
    if not mappings or int(mappings[-1]) not in videos:
        reason = (ADDRESS.sub("", done.stderr).strip().splitlines() or ["no message"])[-1]
        raise UserError(f"{path}: FFmpeg found no stream to decode ({reason})")
    return int(mappings[-1])


def _require_film(path: Path, videos: dict[int, dict], chosen: int, container: str) -> None:
    """Raise UserError if another stream has more than `FEWER` times the pictures of the chosen one.

    A title picture may be a stream of its own, with more pixels than the film.
    """
    claimed = {index: stream.get("nb_frames", "") for index, stream in videos.items()}
    if "mp4" in container.split(",") and all(map(str.isdigit, claimed.values())):
        pictures = {index: int(number) for index, number in claimed.items()}  # from its index
    else:
        asked = ("-select_streams", "v", "-show_entries", "packet=stream_index", "-of", "csv=p=0")
        with run_ffprobe(path, *asked) as rows:
            counts = Counter(row.strip().strip(",") for row in rows)
        pictures = {index: counts[str(index)] for index in videos}
    most = max(pictures, key=pictures.__getitem__)
    if pictures[most] > FEWER * pictures[chosen]:
        raise UserError(
            f"{path}: stream {chosen}, which FFmpeg prefers, holds {pictures[chosen]} picture(s), "
            f"stream {most} {pictures[most]}: put {most} into the column `stream` of the videos "
            "table"
        )


def _rotation(path: Path, stream: dict) -> int:
    """Return the rotation that FFmpeg applies, in degrees counter-clockwise: 0, 90, 180 or 270.

    Raises
    ------
    UserError
        The angle is another one, by which FFmpeg would turn the picture within its corners.
    """
    matrices = [
        d["displaymatrix"] for d in stream.get("side_data_list", []) if "displaymatrix" in d
    ]
    if not matrices:
        return 0
    (a, b, _), (c, d, _), _ = (map(int, row.split()[1:]) for row in matrices[0].split("\n") if row)
    if not (a or c) or not (b or d):  # It has no angle; FFmpeg leaves the picture as it is.
        return 0
    angle = -math.degrees(math.atan2(b / math.hypot(b, d), a / math.hypot(a, c)))
    turn = round(angle) % 360
    if turn == 359:  # FFmpeg turns the picture by angles above 1°, clockwise.
        return 0
    if turn % 90:
        straight = ("-map", f"0:{stream['index']}", "-vf", "sidedata=delete:DISPLAYMATRIX")
        command = advised(path, *straight, "-c:v", "ffv1", "out.mkv", before=("-noautorotate",))
        raise UserError(
            f"{path}: its pictures are to be shown turned by {angle:g}°, which is no quarter turn: "
            f"write them anew as they are coded: {command}"
        )
    return turn


def _aspect(stream: dict) -> str:
    sar = stream.get("sample_aspect_ratio", "1:1")
    return "1:1" if sar.startswith("0:") or sar == "N/A" else sar


def _require_plausible_shape(path: Path, stream: dict) -> None:
    wide, high = map(int, _aspect(stream).split(":"))
    wide, high = wide * stream["width"], high * stream["height"]
    if max(wide, high) > LONGEST * min(wide, high) > 0:
        raise UserError(
            f"{path}: pictures of {stream['width']}×{stream['height']} pixels, each "
            f"{_aspect(stream)} wide, cannot be meant: its header is broken, get another copy"
        )


def _timing(path: Path, found: dict, packets: Packets, container: str) -> dict:
    """Return number, regularity and extent of the frames, as the rows will have them."""
    stream, time_base = found["index"], Fraction(found["time_base"])
    n_coded = len(packets.pts)
    codec, delayed = found.get("codec_name", ""), found.get("has_b_frames", 0) > 0
    ticks = shown_times(packets, codec, delayed, float(time_base))
    if ticks is not None and codec in PREDICTED and not begins_so(path, stream, ticks):
        ticks = None
    if n_coded < 2:
        time_s = np.zeros(n_coded)
    elif ticks is None:
        time_s = decoded_times(path, stream, time_base, n_coded)
    else:
        since = ((int(tick) - int(ticks[0])) * time_base for tick in ticks)
        time_s = np.fromiter(map(float, since), np.float64, n_coded)
    if len(time_s) < 2:
        raise UserError(f"{path}: {len(time_s)} frame(s) in stream {stream}; a change needs two")
    if nominal_interval(time_s) <= 0:
        raise UserError(f"{path}: most frames share a timestamp; {at_steady_rate(path, stream)}")
    return {
        "n_frames": len(time_s),
        "n_coded": n_coded,
        "times": "packets" if ticks is not None else "decoded",
        "clock_jumps": _closed_jumps(path, packets, time_s, float(time_base))
        if container in CLOSING
        else 0,
        "frame_rate": 1 / nominal_interval(time_s),
        "vfr": has_variable_rate(time_s),
        "median_interval_s": median_interval(time_s),
        "duration_s": float(time_s[-1]) + median_interval(time_s),
    }


def _closed_jumps(path: Path, packets: Packets, time_s: np.ndarray, tick_s: float) -> int:
    """Return how many jumps of the file's clock FFmpeg has closed, so that the times lack them."""
    left = int(np.sum(np.diff(time_s) > JUMP_S))
    closed = max(count_jumps(packets, tick_s) - left, 0)
    if closed:
        log.info("%s: its clock jumps at %d place(s), which FFmpeg has closed", path, closed)
    return closed


def probe_video(path: str | os.PathLike, output: str | os.PathLike, *, stream: int | None) -> None:
    """Write the description of a video (`probe`) and the SHA-256 of its file as JSON.

    Parameters
    ----------
    path : path-like
        Video file.
    output : path-like
        ``videos/{video}.json``.
    stream : int or None
        Absolute index of the stream; None for the one that FFmpeg takes.

    Raises
    ------
    UserError
        See `probe`.
    """
    found = {**probe(path, stream), "sha256": sha256_of(path)}
    tools = add_step({}, "probe_video", {"stream": stream})
    tools["software"]["ffmpeg"] = find_tools().version
    log.info("%(path)s: stream %(stream)d, %(codec)s %(width)d×%(height)d", found)
    write_json(output, {**found, "provenance": tools})
