"""Files whose times are of no use: what the message advises gives a file with all their frames."""

import numpy as np
import pytest

from chronovision.errors import UserError
from chronovision.videos.decoding import Decoding, decode
from chronovision.videos.probe import probe
from support.clips import ffmpeg, follow, make_clip
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

SOURCE = "testsrc2=s=96x72:r=30:d=2"
#: How the elements of Matroska begin that hold the pictures (Cluster).
CLUSTER = bytes.fromhex("1f43b675")


def pictures(path):
    return [frame.rgb for frame in decode(path, probe(path)["stream"], 32, "crop", Decoding())]


def raw(folder, codec, *options):
    return make_clip(folder / "it's raw.bin", SOURCE, "-c:v", codec, *options)


def h264(folder):
    return raw(folder, "libx264", "-bf", "2", "-f", "h264")


def hevc(folder):
    return raw(folder, "libx265", "-x265-params", "log-level=none", "-f", "hevc")


def shared(folder):
    """Twenty frames at a time have one timestamp."""
    clock = f"{SOURCE},settb=1/30,setpts=floor(N/20)*20"
    same = ("-fps_mode", "passthrough", "-enc_time_base", "1:30")
    return make_clip(folder / "shared.mkv", clock, "-c:v", "ffv1", *same)


def back(folder):
    """The second half begins at 0 again, without a beginning of a file of its own."""
    live = ("-c:v", "mpeg4", "-live", "1", "-f", "matroska")
    half = SOURCE.replace("d=2", "d=1")
    first = make_clip(folder / "half.mkv", half, *live).read_bytes()
    (folder / "back.mkv").write_bytes(first + first[first.index(CLUSTER) :])
    return folder / "back.mkv"


@pytest.mark.parametrize(
    ("make", "said"),
    slow_after(
        1,
        [
            (h264, "frame 0 has no timestamp"),
            (hevc, "frame 0 has no timestamp"),
            (shared, "most frames share a timestamp"),
            (back, "timestamps go back|share a timestamp"),
        ],
    ),
)
def test_what_is_advised_gives_all_frames(tmp_path, make, said):
    path = make(tmp_path)
    with pytest.raises(UserError, match=said) as caught:
        pictures(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    found = probe(written := follow(caught.value, tmp_path))
    assert (found["n_frames"], found["vfr"]) == (60, False)
    assert found["frame_rate"] == pytest.approx(30, rel=1e-3)
    whole = make_clip(tmp_path / "whole.mkv", SOURCE, "-c:v", "ffv1", "-pix_fmt", "yuv420p")
    expected = pictures(whole)
    if make is back:
        expected = 2 * expected[:30]
    difference = np.abs(np.subtract(pictures(written), expected, dtype=float)).mean((1, 2, 3))
    assert (
        difference.max() < 12 < np.abs(np.subtract(expected[0], expected[29], dtype=float)).mean()
    )


def test_what_is_advised_gives_the_stream_that_was_asked_for(tmp_path):
    path = shared(tmp_path)
    large = make_clip(tmp_path / "large.mkv", SOURCE.replace("96x72", "192x144"), "-c:v", "ffv1")
    both = tmp_path / "both.mkv"
    ffmpeg("-i", large, "-i", path, "-map", "0", "-map", "1", "-c", "copy", both)
    with pytest.raises(UserError, match="most frames share a timestamp") as caught:
        probe(both, 1)
    found = probe(follow(caught.value, tmp_path))
    assert (found["n_frames"], found["width"]) == (60, 96)
