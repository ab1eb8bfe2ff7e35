"""Folders of numbered pictures: the command that is named makes the video that is meant."""

import subprocess

import numpy as np
import pytest

from chronovision.errors import UserError
from chronovision.survey.folder import find_videos
from chronovision.videos.decoding import Decoding, decode
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.picture_series import advise_on_pictures
from support.clips import ffmpeg, make_ramps
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

RAMPS = make_ramps(32, 32)


def write_picture(path, number):
    """A picture that shows its number in blue."""
    rgb = RAMPS.copy()
    rgb[..., 2] = 2 * number
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "32x32", "-i", "pipe:0")
    made = path.with_name(f"made{path.suffix}")
    ffmpeg(*raw, "-frames:v", "1", made, stdin=rgb.tobytes())
    made.rename(path)
    return rgb


@pytest.mark.parametrize(
    ("form", "numbers"),
    slow_after(
        1,
        [
            ("frame_{:04d}.png", range(12)),
            ("{:04d}.PNG", (3, 4, 9, 11)),  # gaps
            ("{}.bmp", (1, 2, 9, 10, 11)),  # no leading zeros, a gap
            ("s2 100%d it's [a]*?{{b}}~ {:03d}.png", (7, 8, 12)),
            ("shot2_{:d} left.tif", (8, 9, 10, 11)),
            ("-{:02d}.png", (98, 99, 100)),  # longer beyond 99
        ],
    ),
)
def test_the_command_makes_the_video_that_is_meant(tmp_path, form, numbers):
    folder = tmp_path / "it's [100%] {of} pictures"
    folder.mkdir()
    # In another order than that of their numbers, and beside what belongs to no series.
    made = {n: write_picture(folder / form.format(n), n) for n in reversed(numbers)}
    (folder / "notes 1.txt").touch()
    write_picture(folder / "title9.png", 9)
    with pytest.raises(UserError, match="no usable video in it but .* numbered pictures") as caught:
        find_videos(folder)
    said = str(caught.value)
    assert f"but {len(made)} numbered pictures" in said and "\n" not in said
    command = said[said.index(find_tools().ffmpeg) :].replace("-framerate 25", "-framerate 10")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
    (video,) = folder.glob("*.mkv")
    frames = list(decode(video, 0, 32, "crop", Decoding()))
    np.testing.assert_array_equal([frame.rgb for frame in frames], [made[n] for n in numbers])
    assert [float(frame.time) for frame in frames] == pytest.approx(np.arange(len(made)) / 10)


def test_no_series_no_command(tmp_path):
    names = ("a.png", "b1.png", "1.txt", "2.txt", "x\n1.png", "x\n2.png", "3", "4")
    assert advise_on_pictures(tmp_path, names) is None
