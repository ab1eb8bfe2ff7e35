"""Makes tiny video files with FFmpeg, and asks ffprobe what is in a file."""

import json
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np

from chronovision.videos.ffmpeg import find_tools

H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "12")


def ffmpeg(*words, stdin: bytes | None = None) -> bytes:
    """Run FFmpeg, which must succeed; its standard output."""
    command = [find_tools().ffmpeg, "-v", "error", "-nostdin", "-y", *map(str, words)]
    if stdin is not None:
        command.remove("-nostdin")
    done = subprocess.run(command, input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make_clip(path: Path, source="testsrc2=s=96x72:r=12:d=3", *options) -> Path:
    """A video of the lavfi graph `source`; H.264 if no options say otherwise."""
    ffmpeg("-f", "lavfi", "-i", source, *(options or H264), path)
    return path


def make_lossless(path: Path, pictures: np.ndarray, rate="12", *options) -> Path:
    """A video that holds exactly `pictures` (n, H, W, 3) uint8: FFV1 in RGB."""
    n, height, width, _ = pictures.shape
    size = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate)
    coding = ("-c:v", "ffv1", "-pix_fmt", "bgr0", *options)
    ffmpeg(*size, "-i", "pipe:0", *coding, path, stdin=pictures.tobytes())
    return path


def make_ramps(height: int, width: int) -> np.ndarray:
    """A picture whose red grows by 1 per column, green by 1 per row; blue is 200."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width)
    picture[..., 1] = np.arange(height)[:, np.newaxis]
    picture[..., 2] = 200
    return picture


def turn(source: Path, target: Path, angle: int) -> Path:
    """The MP4 file turned by quarter turns, `angle` degrees counter-clockwise.

    FFmpeg's own option for it is younger than the oldest FFmpeg that is used.
    """
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[angle]
    numbers = (cos, -sin, 0, sin, cos, 0, 0, 0)
    return put_matrix(source, target, *(number << 16 for number in numbers), 1 << 30)


def cut(source: Path, target: Path, share: float) -> Path:
    """The first part of a file's bytes."""
    whole = source.read_bytes()
    target.write_bytes(whole[: int(len(whole) * share)])
    return target


def damage(source: Path, target: Path) -> Path:
    """The file with a twentieth of its bytes overwritten, about one and a half frames of 36."""
    data = bytearray(source.read_bytes())
    middle, length = len(data) // 2, len(data) // 20
    data[middle : middle + length] = b"\xa5" * length
    target.write_bytes(data)
    return target


def ffprobe(path: Path, *words) -> dict:
    command = [find_tools().ffprobe, "-v", "quiet", "-of", "json", *map(str, words), str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def decoded_frames(path: Path, stream: int = 0) -> list[tuple[Fraction, bool]]:
    """Time (s) and key flag of each frame that ffprobe decodes."""
    entries = "frame=pts,key_frame:stream=time_base"
    found = ffprobe(path, "-select_streams", stream, "-show_entries", entries, "-show_frames")
    base = ffprobe(path, "-select_streams", stream, "-show_entries", "stream=time_base")
    unit = Fraction(base["streams"][0]["time_base"])
    return [(one["pts"] * unit, one["key_frame"] == 1) for one in found["frames"]]


def count_frames(path: Path, stream: int = 0) -> int:
    """What `ffprobe -count_frames` says."""
    asked = ("-count_frames", "-show_entries", "stream=nb_read_frames")
    found = ffprobe(path, "-select_streams", stream, *asked)
    return int(found["streams"][0]["nb_read_frames"])


def put_matrix(source: Path, target: Path, *numbers: int) -> Path:
    """The MP4 file `source` with another display matrix in its only track's header, 16.16."""
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", data, place) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, place, *numbers)
    target.write_bytes(data)
    return target


def follow(error: Exception, folder: Path) -> Path:
    """The file out.mkv that the command at the end of a message writes."""
    (folder / "out.mkv").unlink(missing_ok=True)
    command = str(error)[str(error).index(find_tools().ffmpeg) :]
    done = subprocess.run(
        command, shell=True, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder / "out.mkv"
