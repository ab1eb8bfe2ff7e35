"""Presentation times of decoded frames: made monotonic, or read without decoding to pictures."""

import logging
import os
import re
import subprocess
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from chronovision.errors import UserError
from chronovision.videos.ffmpeg import (
    ADDRESS,
    at_steady_rate,
    find_tools,
    input_url,
    require_success,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Largest step back, in seconds, that is corrected. Below it FFmpeg, too, sees no new beginning in
#: a joined stream.
BACK_S = Fraction(1, 10)
#: Largest share of the frames whose times may go back. Beyond it their order or times are wrong.
MAX_BACKWARD = 0.01
#: Number of frames at the beginning whose times by packets are compared with those by decoding.
BEGINNING = 100
#: Filters that make FFmpeg print a line for each frame. It prints one for frames with metadata, so
#: that every frame is given some.
PRINTING = "metadata=mode=add:key=a:value=b,metadata=mode=print:file=pipe\\\\:1"
#: A line that these filters print.
PRINTED = re.compile(r"frame:\d+ +pts:(-?\d+|NOPTS) ")


def go_forward(
    path: str | os.PathLike,
    timed: Iterable[tuple[Fraction | None, T]],
    corrected_frames: list[int],
) -> Iterator[tuple[Fraction, T]]:
    """Yield frames with times that never go back.

    A frame up to `BACK_S` earlier than the one before takes the time of that one. The last frame
    alone may have any time, or none: then it follows the frame before it after that frame's
    interval.

    Parameters
    ----------
    path : path-like
        The video, for messages.
    timed : iterable of (Fraction or None, object)
        Time of each frame in seconds, if it has one, and the frame, in order of presentation.
    corrected_frames : list of int
        Receives the indices of the frames whose times were corrected.

    Yields
    ------
    time : Fraction
        Time in seconds, not below the one before.
    frame : object
        The frame as it was given.

    Raises
    ------
    UserError
        Another frame has no time or goes back by more, or more than 1 % of the frames go back.
    """
    before: Fraction | None = None
    latest: Fraction | None = None
    held: tuple[Fraction | None, T] | None = None  # set only where `latest` is
    index = -1
    for index, (time, item) in enumerate(timed):
        if held and latest is not None:  # it was not the last one
            _require_step(path, index - 1, held[0], latest)
            yield latest, held[1]
            held = None
        if time is None and latest is None:
            raise _untimed_error(path, index)
        if time is None or (latest is not None and time < latest):
            corrected_frames.append(index)
            held = time, item
            continue
        before, latest = latest, time
        yield time, item
    if held and latest is not None:
        yield latest + (latest - before if before is not None else 0), held[1]
    if len(corrected_frames) > max(1, MAX_BACKWARD * (index + 1)):
        raise UserError(
            f"{path}: the times of {len(corrected_frames)} of {index + 1} frames go back, the "
            f"first at frame {corrected_frames[0]}; {at_steady_rate(path)}"
        )


def _require_step(
    path: str | os.PathLike, index: int, time: Fraction | None, latest: Fraction
) -> None:
    if time is None:
        raise _untimed_error(path, index)
    if latest - time > BACK_S:
        raise UserError(
            f"{path}: timestamps go back at frame {index}, by {float(latest - time):.3g} s; "
            f"{at_steady_rate(path)}"
        )


def _untimed_error(path: str | os.PathLike, index: int) -> UserError:
    return UserError(f"{path}: frame {index} has no timestamp; {at_steady_rate(path)}")


def decoded_times(
    path: str | os.PathLike, stream: int, time_base: Fraction, expected: int
) -> np.ndarray:
    """Return the times of the frames that decoding a stream gives, in seconds from the first one.

    They are those of `chronovision.videos.decoding.decode`, in about half its time. FFmpeg fills in
    what is missing, closes the jumps where transport and program streams were joined, and gives
    nothing for packets without a picture.

    Parameters
    ----------
    path : path-like
        The video.
    stream : int
        Absolute index of the stream.
    time_base : Fraction
        Unit of the stream's timestamps in seconds.
    expected : int
        Number of packets, for the progress bar.

    Returns
    -------
    (n,) float64 array

    Raises
    ------
    UserError
        See `go_forward`. Also if the file is truncated, or FFmpeg failed.
    """
    described = ((None if pts is None else pts * time_base, None) for pts in _ticks(path, stream))
    log.info("%s: its packets do not tell all times, so its frames are decoded for them", path)
    shown = tqdm(
        go_forward(path, described, []),
        desc=f"decoding {os.path.basename(path)} for its times",
        total=expected,
        unit="frame",
        disable=None,
        leave=False,
    )
    times, first = array("d"), None
    for time, _ in shown:
        first = time if first is None else first
        times.append(float(time - first))
    return np.array(times)


def begins_so(path: str | os.PathLike, stream: int, ticks: np.ndarray) -> bool:
    """Return whether the first `BEGINNING` decoded frames are as far apart as `ticks`, (n,) int64.

    Packets may hold one field each, or no picture, or have the times of others.
    """
    beginning = ("-frames:v", str(BEGINNING))
    decoded = list(_ticks(path, stream, *beginning))[:BEGINNING]  # the filter may be ahead
    expected = ticks[:BEGINNING]
    if len(decoded) != len(expected) or None in decoded:
        return False
    return bool(np.all(np.array(decoded) - decoded[0] == expected - expected[0]))


def _ticks(path: str | os.PathLike, stream: int, *options: str) -> Iterator[int | None]:
    """Yield the timestamps of the decoded frames."""
    # As many threads as for the rows: damage is decoded into more or fewer frames.
    command = [find_tools().ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-v", "error"]
    command += ["-threads", "1", "-i", input_url(path), "-map", f"0:{stream}", "-vf", PRINTING]
    command += ["-fps_mode", "passthrough", *options, "-f", "null", "-"]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout  # a pipe
            try:
                for line in process.stdout:
                    if match := PRINTED.match(line):
                        yield None if match[1] == "NOPTS" else int(match[1])
            except BaseException:
                process.kill()
                raise
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
        require_success(path, process.returncode, [ADDRESS.sub("", line) for line in lines])
