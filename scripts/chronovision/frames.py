"""Decoded frames of a video: one FFmpeg pass gives pictures, exact times and key flags."""

import fcntl
import json
import logging
import os
import queue
import subprocess
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import IO

import ffmpeg
import h5py
import numpy as np
from tqdm import tqdm

from chronovision.clock import go_forward
from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.provenance import add_step
from chronovision.errors import UserError
from chronovision.ffmpeg_log import Heard, find_damage, listen, of_pictures
from chronovision.identity import refuse_another_file
from chronovision.probe import video_provenance
from chronovision.selection import (
    Frame,
    Row,
    every_nth,
    expected_rows,
    frames_per_row,
    resample,
    within,
)
from chronovision.timing import has_variable_rate, nominal_interval
from chronovision.tools import (
    ADDRESS,
    advised,
    find_tools,
    input_url,
    killed,
    refuse_failure,
    refuse_truncation,
)

log = logging.getLogger(__name__)

#: So that FFmpeg need not wait at each picture. Linux allows this size, and some dozens to a user.
PIPE_BYTES = 2**20
#: Pictures for which memory and room in the file are made at a time.
BLOCK_ROWS = 32
#: Seconds for FFmpeg to describe a frame that it has already written.
PATIENCE_S = 60


@dataclass
class Decoding(Heard):
    """What was learnt while decoding; complete once the frames are exhausted."""

    n_decoded: int = 0
    #: Indices of the frames whose times went back, or were missing, and were set.
    mended: list[int] = field(default_factory=list)
    #: Time of each frame in seconds from the first one.
    time_s: array = field(default_factory=lambda: array("d"))


def geometry_filters(stream: ffmpeg.nodes.FilterableStream, size: int, geometry: str):
    """Scale to a `size` × `size` square, honouring the sample aspect ratio.

    ``crop``: short side to `size`, then centre crop. ``squash``: both sides to `size`.
    ``pad``: long side to `size`, black bars.
    """
    wide = "gte(iw*sar,ih)"
    along, across = f"round({size}*iw*sar/ih)", f"round({size}*ih/(iw*sar))"
    width, height = {
        "crop": (f"if({wide},{along},{size})", f"if({wide},{size},{across})"),
        "squash": (size, size),
        "pad": (f"if({wide},{size},max(1,{along}))", f"if({wide},max(1,{across}),{size})"),
    }[geometry]
    stream = stream.filter(
        "scale", w=width, h=height, flags="bicubic+accurate_rnd+full_chroma_int+bitexact"
    ).filter("format", "rgb24")
    if geometry == "crop":
        return stream.filter("crop", size, size)
    if geometry == "pad":
        return stream.filter("pad", size, size, "(ow-iw)/2", "(oh-ih)/2")
    return stream


def decode(
    path: str | os.PathLike, stream: int, size: int, geometry: str, decoding: Decoding
) -> Iterator[Frame]:
    """Every frame that is coded in a stream, in order of presentation.

    Frames are neither duplicated nor dropped for a constant rate; rotation metadata is
    applied. Times are integer timestamps × time base, as exact fractions of seconds.

    Parameters
    ----------
    path, stream : file and absolute stream index.
    size, geometry : see `geometry_filters`.
    decoding : filled while the frames are consumed.

    Yields
    ------
    Frame, with `rgb` (size, size, 3) uint8.

    Raises
    ------
    UserError : truncated file, frames without timestamps or with timestamps that go back, see
        `chronovision.clock.go_forward`; FFmpeg failed.
    """
    # What is shown for damaged data depends on the number of decoding threads: always one.
    source = ffmpeg.input(input_url(path), threads=1)[str(stream)]
    # Side data (captions, an encoder's settings) would be described at length with every frame.
    source = source.filter("sidedata", mode="delete").filter("showinfo", checksum=0)
    command = ffmpeg.output(
        geometry_filters(source, size, geometry),
        "pipe:1",
        format="rawvideo",
        pix_fmt="rgb24",
        fps_mode="passthrough",
        # The description of the output, between those of frames, would quote titles.
        map_metadata="-1",
        map_chapters="-1",
        # Ticks of 1/rate, the default, are too coarse for a variable rate: FFmpeg would complain.
        enc_time_base="1:1000000",
    ).compile(cmd=[find_tools().ffmpeg, "-hide_banner", "-nostdin", "-nostats"])
    command += ["-v", "repeat+level+info"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _widen(process.stdout)
    described: queue.Queue = queue.Queue()
    listener = threading.Thread(target=listen, args=(process.stderr, described, decoding))
    listener.start()
    try:
        pairs = _pair(path, process.stdout, described, size, decoding)
        first = None
        for time, frame in go_forward(path, pairs, decoding.mended):
            first = time if first is None else first
            decoding.time_s.append(float(time - first))
            yield replace(frame, time=time)
        process.wait()
        listener.join()
        refuse_failure(path, process.returncode, list(decoding.messages))
        if described.qsize() != 1:  # The end alone is left.
            anew = advised(path, "-an", "-map_metadata", "-1", "-c", "copy", "out.mkv")
            raise UserError(
                f"{path}: FFmpeg described more frames than it wrote, so their times are not sure: "
                f"write the file anew: {anew}"
            )
    finally:
        process.kill()
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()


def _widen(pipe: IO) -> None:
    """Let the pipe hold more, where the system can and this user may."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux alone
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def decoder_messages(path: str | os.PathLike, stream: int) -> list[str]:
    """All that FFmpeg reports of damage while it does nothing but decode a stream.

    `decode` may miss a message among the descriptions of frames; here there are none.
    """
    command = [find_tools().ffmpeg, "-hide_banner", "-nostdin", "-nostats"]
    command += ["-v", "repeat+level+warning", "-threads", "1", "-i", input_url(path)]
    command += ["-map", f"0:{stream}", "-fps_mode", "passthrough", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode < 0:
        raise UserError(f"{path}: FFmpeg {killed(done.returncode)}")
    messages = [ADDRESS.sub("", message) for message in find_damage(done.stderr)]
    if done.returncode and not messages:
        messages = [f"FFmpeg stopped with status {done.returncode}"]
    return messages


def _pair(
    path, stdout, described: queue.Queue, size: int, decoding: Decoding
) -> Iterator[tuple[Fraction | None, Frame]]:
    """Join each picture from the pipe with its description, and with its time if it has one."""
    pictures: list[np.ndarray] = []
    while True:
        if not pictures:  # Memory for one picture at a time costs more than the picture.
            pictures = list(np.empty((BLOCK_ROWS, size, size, 3), np.uint8))
        rgb = pictures.pop()
        received = stdout.readinto(rgb.data)
        if not received:
            return
        if received < rgb.size:
            raise UserError(f"{path}: FFmpeg broke off within frame {decoding.n_decoded}")
        try:
            time_base, pts, key = described.get(timeout=PATIENCE_S)
        except (queue.Empty, TypeError) as error:  # silence, or the end of the descriptions
            raise UserError(
                f"{path}: FFmpeg did not describe frame {decoding.n_decoded}"
            ) from error
        time = None if pts == "NOPTS" else int(pts) * time_base
        yield time, Frame(decoding.n_decoded, time, key, rgb)
        decoding.n_decoded += 1


def analysed_rows(
    info: Mapping, settings: Mapping, span: tuple[float | None, float | None], decoding: Decoding
) -> Iterator[Row]:
    """The analysed series of a video.

    Parameters
    ----------
    info : contents of ``videos/{video}.json``.
    settings : the config's ``frames``.
    span : ``start_s`` and ``end_s`` of the videos table.
    decoding : filled while the rows are consumed.

    Raises
    ------
    UserError : fewer than two rows, a file that is not the one that was probed, or what `decode`
        raises.
    """
    refuse_another_file(info, thorough=False)
    frames = decode(info["path"], info["stream"], settings["size"], settings["geometry"], decoding)
    frames = within(frames, *span)
    if settings["fps"]:
        rows = resample(frames, settings["fps"])
    else:
        rows = every_nth(frames, frames_per_row(info, settings))
    n, expected = 0, expected_rows(info, settings, span)
    for n, row in enumerate(tqdm(rows, total=expected, unit="frame", disable=None), start=1):  # noqa: B007
        yield row
    # A file that is cut while FFmpeg reads it may give fewer frames without a complaint.
    refuse_another_file(info)
    if n < 2:
        why = f" ({next(iter(decoding.messages))})" if decoding.messages else ""
        raise UserError(
            f"{info['path']}: {n} usable frame(s) of {decoding.n_decoded} decoded{why}; a change "
            "needs two: check the file, and start_s, end_s, frames.every, frames.step_s and "
            "frames.fps"
        )


def dump_frames(
    info_path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    video: str,
    settings: dict,
    span: tuple[float | None, float | None],
    strict: bool,
) -> None:
    """Write the analysed frames of one video to HDF5.

    Parameters
    ----------
    info_path : ``videos/{video}.json``.
    output : HDF5 with ``rgb`` (n, H, W, 3) uint8, ``source_frame`` (n,) int64, ``time_s`` (n,)
        float64, ``key_frame`` and ``repeated`` (n,) bool; one picture per chunk.
    video : id.
    settings, span : see `analysed_rows`.
    strict : make decoder damage, wherever in the stream, an error. The stream is decoded once
        more for this, see `decoder_messages`.

    Raises
    ------
    UserError : see `decode` and `analysed_rows`; damage under `strict`.
    """
    info = read_json(info_path)
    size, decoding = settings["size"], Decoding()
    config = {**settings, "strict": strict, "start_s": span[0], "end_s": span[1]}
    provenance = add_step(video_provenance(info, video), "dump_frames", config, ["numpy", "h5py"])
    needed = 3 * size**2 * expected_rows(info, settings, span)
    # This format's index of the many small chunks does not grow in memory.
    with new_h5(output, provenance, libver="v110", expected_bytes=needed) as file:
        n = _write_rows(file, size, analysed_rows(info, settings, span, decoding))
        messages = _complete_messages(info, decoding, strict)
        _note_decoding(file, info, decoding)
        if strict and messages:
            raise UserError(
                f"{info['path']}: the decoder reports damage ({messages[0]}) and "
                "strict is true: get an undamaged copy, or set strict: false"
            )
    log.info("%s: %d frames decoded, %d kept", info["path"], decoding.n_decoded, n)


def _complete_messages(info: dict, decoding: Decoding, strict: bool) -> list[str]:
    """What FFmpeg reports of the pictures when it only decodes, if that is asked or needed.

    In `decoding` the messages are left that concern the pictures, or these if there are none.
    """
    kind = {"stream": info["stream"], "seams": info["clock_jumps"]}
    for message in set(decoding.messages).difference(of_pictures(decoding.messages, **kind)):
        del decoding.messages[message]
    if not (strict or (decoding.interrupted and not decoding.messages)):
        return []
    messages = decoder_messages(info["path"], info["stream"])
    refuse_truncation(info["path"], messages)
    messages = of_pictures(messages, **kind)
    if not decoding.messages:
        decoding.messages.update(messages)
    return messages


def _write_rows(file: h5py.File, size: int, decoded: Iterator[Row]) -> int:
    """Write pictures, of `size` × `size`, and what is known of them; their number."""
    picture = (size, size, 3)
    rgb = file.create_dataset(
        "rgb", (0, *picture), "u1", maxshape=(None, *picture), chunks=(1, *picture)
    )
    known = {
        **{"source_frame": array("q"), "time_s": array("d")},
        **{"key_frame": array("B"), "repeated": array("B")},
    }
    n = room = 0
    for row in decoded:
        if n == room:
            room += BLOCK_ROWS
            rgb.resize(room, axis=0)
        # A picture is a chunk: it goes to the file as it is, without copies on the way. Compressing
        # it would take longer than decoding (LZF: 1.5 ms at 224 pixels) and save a fifth.
        rgb.id.write_direct_chunk((n, 0, 0, 0), row.rgb)
        for name, values in known.items():
            values.append(getattr(row, name))
        n += 1
    rgb.resize(n, axis=0)
    for name, values in known.items():
        file[name] = np.array(values, bool if values.typecode == "B" else None)
    return n


def _note_decoding(file: h5py.File, info: dict, decoding: Decoding) -> None:
    """Attributes for the quality notes: they travel on with the features."""
    worst = decoding.messages.most_common(20)
    for message, times in worst:
        log.warning("FFmpeg, %d times: %s", times, message)
    file.attrs["decoder_messages"] = json.dumps([f"{text} (×{n})" for text, n in worst])
    file.attrs["n_decoded"] = decoding.n_decoded
    file.attrs["n_frames"] = info["n_frames"]
    file.attrs["header_frames"] = -1 if info["header_frames"] is None else info["header_frames"]
    file.attrs["clock_jumps"] = info["clock_jumps"]
    file.attrs["times_set"] = len(decoding.mended)
    if decoding.mended:
        log.warning(
            "%s: the times of %d frame(s) went back or were missing, the first at frame %d: set",
            info["path"],
            len(decoding.mended),
            decoding.mended[0],
        )
    # A packet without a picture, which the probe did not see, leaves a gap.
    file.attrs["vfr"] = bool(info["vfr"]) or has_variable_rate(np.array(decoding.time_s))
    file.attrs["frame_interval_s"] = nominal_interval(file["time_s"][:])
