"""Decoding of videos: one FFmpeg pass gives pictures, exact times and key frames."""

import fcntl
import os
import queue
import subprocess
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from io import BufferedReader
from typing import IO

import ffmpeg
import numpy as np
from tqdm import tqdm

from chronovision.errors import UserError
from chronovision.videos.clock import go_forward
from chronovision.videos.ffmpeg import (
    ADDRESS,
    advised,
    find_tools,
    input_url,
    killed,
    require_success,
)
from chronovision.videos.ffmpeg_log import FfmpegReport, find_damage, parse_stderr
from chronovision.videos.fingerprint import require_same_file
from chronovision.videos.selection import (
    Frame,
    Row,
    every_nth,
    expected_rows,
    frames_per_row,
    resample,
    within,
)
from chronovision.videos.span import Span

#: Size of the pipe for pictures in bytes, so that FFmpeg need not wait at each picture. Linux
#: allows this size, and a user some dozens of such pipes.
PIPE_BYTES = 2**20
#: Number of pictures for which memory is allocated at a time.
BLOCK_ROWS = 32
#: Seconds for FFmpeg to describe a frame that it has already written.
PATIENCE_S = 60


@dataclass
class Decoding(FfmpegReport):
    """Facts learnt while decoding; complete once all frames have been read.

    Attributes
    ----------
    n_decoded : int
        Number of decoded frames.
    corrected_frames : list of int
        Indices of the frames whose times went back, or were missing, and were corrected.
    time_s : array of float
        Time of each frame in seconds from the first one.
    """

    n_decoded: int = 0
    corrected_frames: list[int] = field(default_factory=list)
    time_s: array = field(default_factory=lambda: array("d"))


def geometry_filters(
    stream: ffmpeg.nodes.FilterableStream, size: int, geometry: str
) -> ffmpeg.nodes.FilterableStream:
    """Add filters that scale the pictures to a `size` × `size` square.

    The sample aspect ratio is honoured. ``crop`` scales the short side to `size` and crops at the
    centre. ``squash`` scales both sides to `size`. ``pad`` scales the long side to `size` and adds
    black bars.
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
    """Yield every frame that is coded in a stream, in order of presentation.

    Frames are neither duplicated nor dropped for a constant rate. Rotation metadata is applied.
    Times are integer timestamps × time base, as exact fractions of seconds.

    Parameters
    ----------
    path : path-like
        The video.
    stream : int
        Absolute index of the stream.
    size : int
        Height and width of the pictures.
    geometry : {'crop', 'squash', 'pad'}
        See `geometry_filters`.
    decoding : Decoding
        Filled while the frames are read.

    Yields
    ------
    Frame
        Its `rgb` is a (size, size, 3) uint8 array.

    Raises
    ------
    UserError
        The file is truncated, FFmpeg failed, or frames have no timestamps or ones that go back, see
        `chronovision.videos.clock.go_forward`.
    """
    described: queue.Queue = queue.Queue()
    command = _command(path, stream, size, geometry)
    with _running(command, described, decoding) as (process, listener):
        assert isinstance(process.stdout, BufferedReader)
        pairs = _match_descriptions(path, process.stdout, described, size, decoding)
        first = None
        for time, (index, key, rgb) in go_forward(path, pairs, decoding.corrected_frames):
            first = time if first is None else first
            decoding.time_s.append(float(time - first))
            yield Frame(index, time, key, rgb)
        process.wait()
        listener.join()
    require_success(path, process.returncode, list(decoding.messages))
    if described.qsize() != 1:  # The end alone is left.
        anew = advised(path, "-an", "-map_metadata", "-1", "-c", "copy", "out.mkv")
        raise UserError(
            f"{path}: FFmpeg described more frames than it wrote, so their times are not sure: "
            f"write the file anew: {anew}"
        )


def _command(path: str | os.PathLike, stream: int, size: int, geometry: str) -> list[str]:
    """Return FFmpeg's command line: pictures to its output, their descriptions to its log."""
    # What is shown for damaged data depends on the number of decoding threads: always one.
    source = ffmpeg.input(input_url(path), threads=1)[str(stream)]
    # Side data (captions, an encoder's settings) would be described at length with every frame.
    source = source.filter("sidedata", mode="delete").filter("showinfo", checksum=0)
    output = ffmpeg.output(
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
    )
    program = [find_tools().ffmpeg, "-hide_banner", "-nostdin", "-nostats"]
    return [*output.compile(cmd=program), "-v", "repeat+level+info"]


@contextmanager
def _running(
    command: list[str], described: queue.Queue, decoding: Decoding
) -> Iterator[tuple[subprocess.Popen, threading.Thread]]:
    """Run FFmpeg, and a thread that reads its log; neither outlives the block."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr  # both are pipes
    _enlarge_pipe(process.stdout)
    listener = threading.Thread(target=parse_stderr, args=(process.stderr, described, decoding))
    listener.start()
    try:
        yield process, listener
    finally:
        process.kill()
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()


def _enlarge_pipe(pipe: IO[bytes]) -> None:
    """Let the pipe hold more, where the system can and this user may."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux alone
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _match_descriptions(
    path: str | os.PathLike,
    stdout: BufferedReader,
    described: queue.Queue,
    size: int,
    decoding: Decoding,
) -> Iterator[tuple[Fraction | None, tuple[int, bool, np.ndarray]]]:
    """Yield the time (or None), index, key flag and RGB picture of each frame in the pipe."""
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
        yield time, (decoding.n_decoded, key, rgb)
        decoding.n_decoded += 1


def decoder_messages(path: str | os.PathLike, stream: int) -> list[str]:
    """Return all that FFmpeg reports of damage while it does nothing but decode a stream.

    `decode` may miss a message among the descriptions of frames. Here there are none.
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


def analysed_rows(info: Mapping, frames: Mapping, span: Span, decoding: Decoding) -> Iterator[Row]:
    """Yield the rows of a video's analysed series.

    Parameters
    ----------
    info : mapping
        Contents of ``videos/{video}.json``.
    frames : mapping
        The config's ``frames``.
    span : Span
        Part of the video that is used.
    decoding : Decoding
        Filled while the rows are read.

    Raises
    ------
    UserError
        There are fewer than two rows, the file is not the one that was probed, or `decode` raises
        it.
    """
    require_same_file(info, thorough=False)
    decoded = decode(info["path"], info["stream"], frames["size"], frames["geometry"], decoding)
    decoded = within(decoded, span)
    if frames["fps"]:
        rows = resample(decoded, frames["fps"])
    else:
        rows = every_nth(decoded, frames_per_row(info, frames))
    n, expected = 0, expected_rows(info, frames, span)
    for n, row in enumerate(tqdm(rows, total=expected, unit="frame", disable=None), start=1):  # noqa: B007
        yield row
    # A file that is cut while FFmpeg reads it may give fewer frames without a complaint.
    require_same_file(info)
    if n < 2:
        why = f" ({next(iter(decoding.messages))})" if decoding.messages else ""
        raise UserError(
            f"{info['path']}: {n} usable frame(s) of {decoding.n_decoded} decoded{why}; a change "
            "needs two: check the file, and start_s, end_s, frames.every, frames.step_s and "
            "frames.fps"
        )
