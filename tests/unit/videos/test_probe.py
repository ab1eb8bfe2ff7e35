"""The facts of a file: frames, rate, shape, rotation."""

import hashlib
import itertools
import json
import math
import shutil
import statistics
import struct

import pytest

from chronovision.errors import UserError
from chronovision.videos.fingerprint import video_provenance
from chronovision.videos.probe import probe, probe_video
from support.clips import (
    count_frames,
    decoded_frames,
    ffmpeg,
    follow,
    make_clip,
    put_matrix,
    turn,
)
from support.tiers import moderate_after, slow_after


@pytest.fixture(scope="module")
def gap(clips):
    """Six frames of a steady 12 frames/s are missing."""
    source = "testsrc2=s=96x72:r=12:d=3,select='not(between(n,10,15))'"
    return make_clip(clips / "gap.mkv", source, "-c:v", "libx264", "-fps_mode", "passthrough")


def test_text_is_no_video(clips):
    """FFmpeg would draw it."""
    (clips / "notes.txt").write_text("Notes of a day. " * 400 + "\n" * 50)
    with pytest.raises(UserError, match="notes.txt: not a video but text"):
        probe(clips / "notes.txt")


def test_facts_of_a_plain_file(plain):
    found = probe(plain)
    assert found["path"] == str(plain)
    assert found["bytes"] == plain.stat().st_size
    assert (found["stream"], found["codec"], found["video_streams"]) == (0, "h264", [0])
    assert (found["width"], found["height"], found["rotation"], found["sar"]) == (96, 72, 0, "1:1")
    assert (found["n_frames"], found["header_frames"], found["vfr"]) == (36, 36, False)
    assert found["median_interval_s"] == pytest.approx(1 / 12)
    assert found["frame_rate"] == pytest.approx(12)
    assert found["duration_s"] == pytest.approx(3)
    assert "mp4" in found["container"]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "options"),
    slow_after(
        2,
        [
            ("b.mp4", ("-c:v", "libx264", "-bf", "3")),
            ("x265.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none")),
            ("v.webm", ("-c:v", "libvpx")),
            ("m.avi", ("-c:v", "mpeg4")),
            ("t.ts", ("-c:v", "libx264", "-bf", "2")),
            ("f.mkv", ("-c:v", "ffv1")),
            ("j.mov", ("-c:v", "mjpeg")),
            ("g.gif", ("-r", "10")),
        ],
    ),
)
def test_frames_are_those_that_ffprobe_decodes(clips, name, options):
    path = make_clip(clips / name, "testsrc2=s=64x48:r=12:d=2", *options)
    found = probe(path)
    times = [float(time) for time, _ in decoded_frames(path)]
    assert found["n_frames"] == count_frames(path) == len(times)
    interval = statistics.median(b - a for a, b in itertools.pairwise(times))
    assert found["duration_s"] == pytest.approx(times[-1] - times[0] + interval)
    assert found["frame_rate"] == pytest.approx(1 / interval, rel=0.01)
    assert not found["vfr"]


def test_matroska_claims_no_number_of_frames(gap):
    assert probe(gap)["header_frames"] is None


def test_missing_frames_are_a_variable_rate(gap):
    found = probe(gap)
    assert found["vfr"] and found["n_frames"] == 30
    assert found["frame_rate"] == pytest.approx(12, rel=0.01)
    assert found["duration_s"] == pytest.approx(3, abs=0.01)


def test_two_intervals_equally_common(clips):
    """Their mean is near neither; three frames, or a film shown at another rate, may have such."""
    source = "testsrc2=s=96x72:r=10:d=1,select='eq(n,0)+eq(n,1)+eq(n,4)'"
    path = make_clip(clips / "three.mkv", source, "-c:v", "libx264", "-fps_mode", "passthrough")
    found = probe(path)
    assert found["n_frames"] == 3 and found["vfr"]
    assert found["frame_rate"] == pytest.approx(10)
    json.dumps(found, allow_nan=False)


def test_times_rounded_to_milliseconds_are_no_variable_rate(clips):
    path = make_clip(clips / "ms.mkv", "testsrc2=s=64x48:r=30000/1001:d=4", "-c:v", "libx264")
    found = probe(path)
    assert not found["vfr"]
    assert found["frame_rate"] == pytest.approx(30000 / 1001, rel=1e-3)


def test_a_start_offset_does_not_count(clips, plain):
    ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", "5", clips / "late.ts")
    found = probe(clips / "late.ts")
    assert found["n_frames"] == 36
    assert found["duration_s"] == pytest.approx(3, abs=1e-3)


def test_frames_cut_off_by_an_edit_list_do_not_count(clips, plain):
    """A copy from 1.3 s on holds the frames from the key frame before, but shows them not."""
    ffmpeg("-ss", "1.3", "-i", plain, "-c", "copy", clips / "edited.mp4")
    assert probe(clips / "edited.mp4")["n_frames"] == count_frames(clips / "edited.mp4") < 24


def test_a_header_may_lie(clips):
    """AVI headers are written before the frames; this one claims 50 of 36."""
    path = make_clip(clips / "lies.avi", "testsrc2=s=64x48:r=12:d=3", "-c:v", "mpeg4")
    data = bytearray(path.read_bytes())
    length = data.index(b"strh") + 8 + 32
    assert struct.unpack_from("<I", data, length) == (36,)
    struct.pack_into("<I", data, length, 50)
    path.write_bytes(data)
    found = probe(path)
    assert (found["header_frames"], found["n_frames"]) == (50, 36)


@pytest.mark.moderate
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotation(clips, plain, angle):
    found = probe(turn(plain, clips / f"turned{angle}.mp4", angle))
    assert (found["rotation"], found["width"], found["height"]) == (angle, 96, 72)


@pytest.mark.moderate
@pytest.mark.parametrize("numbers", [[0] * 9, [0, 1 << 16, 0, 0, 1 << 16, 0, 0, 0, 1 << 30]])
def test_a_matrix_without_an_angle_turns_nothing(clips, plain, numbers):
    """FFmpeg calls the angle nan, or prints a number of its own."""
    path = put_matrix(plain, clips / "zero.mp4", *numbers)
    assert probe(path)["rotation"] == 0
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-frames:v", "1", "-")
    assert ffmpeg("-i", path, *raw) == ffmpeg("-i", plain, *raw)


def test_an_angle_that_ffmpeg_ignores_turns_nothing(clips, plain):
    cosine, sine = (round(f(math.radians(-1)) * (1 << 16)) for f in (math.cos, math.sin))
    matrix = (cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 30)
    path = put_matrix(plain, clips / "scarcely.mp4", *matrix)
    assert probe(path)["rotation"] == 0
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-frames:v", "1", "-")
    assert ffmpeg("-i", path, *raw) == ffmpeg("-i", plain, *raw)


@pytest.mark.parametrize("angle", moderate_after(1, [1, 45, 89, 300]))
def test_a_rotation_by_no_quarter_turn_is_refused(clips, plain, angle):
    """FFmpeg would turn the picture within its own frame, with black corners."""
    cosine, sine = (round(f(math.radians(angle)) * (1 << 16)) for f in (math.cos, math.sin))
    path = put_matrix(
        plain, clips / "it's odd.mp4", cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 30
    )
    with pytest.raises(UserError, match="turned by .*, which is no quarter turn: .*: ") as caught:
        probe(path)
    found = probe(follow(caught.value, clips))
    assert (found["rotation"], found["width"], found["n_frames"]) == (0, 96, 36)
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
    assert ffmpeg("-i", clips / "out.mkv", *raw) == ffmpeg("-i", plain, *raw)


@pytest.mark.moderate
@pytest.mark.parametrize(("sar", "said"), [("4/3", "4:3"), ("0", "1:1"), ("1", "1:1")])
def test_sample_aspect_ratio(clips, sar, said):
    source = f"testsrc2=s=64x48:r=12:d=1,setsar={sar}"
    assert probe(make_clip(clips / "sar.mp4", source))["sar"] == said


@pytest.mark.parametrize("shape", [(5000, 1), (1, 5000)])
def test_an_absurd_shape_is_refused(clips, plain, shape):
    data = bytearray(plain.read_bytes())
    struct.pack_into(">II", data, data.index(b"pasp") + 4, *shape)
    (clips / "absurd.mp4").write_bytes(data)
    with pytest.raises(UserError, match=r"96×72 pixels, each \d+:\d+ wide, cannot be meant"):
        probe(clips / "absurd.mp4")


@pytest.mark.parametrize(
    "name",
    moderate_after(
        1,
        [
            "spaces and 'quotes'.mp4",
            "100%$(x)`y`;.mp4",
            "ü—映画.mp4",
            "a*b?[c].mp4",
            "-i.mp4",
            "a:b#c\\.mp4",
        ],
    ),
)
def test_any_name(clips, plain, name):
    shutil.copy(plain, clips / name)
    assert probe(clips / name)["n_frames"] == 36


def test_the_json_carries_provenance(plain, tmp_path):
    probe_video(str(plain), tmp_path / "videos/plain.json", stream=None)
    info = json.loads((tmp_path / "videos/plain.json").read_text())
    wanted = "path sha256 stream codec width height rotation sar frame_rate vfr n_frames duration_s"
    assert set(wanted.split()) <= set(info)
    assert info["sha256"] == hashlib.sha256(plain.read_bytes()).hexdigest()
    assert info["provenance"]["steps"] == {"probe_video": {"stream": None}}
    assert info["provenance"]["software"]["ffmpeg"]
    record = video_provenance(info, "plain")
    about = {"path": str(plain), "sha256": info["sha256"], "stream": 0}
    assert record["videos"] == {"plain": about}
