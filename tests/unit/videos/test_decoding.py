"""Decoding with FFmpeg: which frames there are, with which times and pictures."""

import fcntl
import threading
import tracemalloc

import h5py
import numpy as np
import pytest

from chronovision.videos.decoding import (
    BLOCK_ROWS,
    Decoding,
    decode,
)
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import (
    H264,
    decoded_frames,
    ffmpeg,
    make_clip,
    make_lossless,
)
from support.decoded import frames_of
from support.tiers import moderate_after

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = Span()
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.mark.moderate
def test_rows_far_apart_keep_no_pictures_between_them(clips, tmp_path):
    path = make_clip(clips / "many.mp4", "testsrc2=s=64x64:r=25:d=20", *H264)
    probe_video(path, tmp_path / "info.json", stream=None)
    settings = {**SETTINGS, "size": 64, "every": BLOCK_ROWS}
    options = {"video": "many", "frames": settings, "span": WHOLE, "strict": False}
    options["info_path"] = tmp_path / "info.json"
    # What a first call imports on its way is none of the pictures'.
    dump_frames(output=tmp_path / "first.h5", **options)
    tracemalloc.start()
    dump_frames(output=tmp_path / "frames.h5", **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with h5py.File(tmp_path / "frames.h5") as file:
        n = len(file["rgb"])
    assert n == -(-500 // BLOCK_ROWS) > 10
    assert peak < 4 * BLOCK_ROWS * 64 * 64 * 3


def test_pictures_are_those_that_were_coded(clips):
    pictures = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    frames = frames_of(make_lossless(clips / "noise.mkv", pictures))
    assert [frame.index for frame in frames] == list(range(10))
    np.testing.assert_array_equal([frame.rgb for frame in frames], pictures)
    assert frames[0].rgb.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "options"),
    moderate_after(
        1,
        [
            ("b.mp4", ("-c:v", "libx264", "-bf", "3", "-g", "8")),
            ("x265.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none")),
            ("v.webm", ("-c:v", "libvpx", "-g", "8")),
            ("m.avi", ("-c:v", "mpeg4", "-g", "8")),
            ("t.ts", ("-c:v", "libx264", "-bf", "2")),
            ("f.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray")),
            ("ten.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv422p10le")),
            ("offset.mkv", ("-c:v", "libx264", "-output_ts_offset", "7.3")),
        ],
    ),
)
def test_times_keys_and_pictures(clips, name, options):
    """Times and keys as ffprobe decodes them, pictures as a plain conversion gives them."""
    path = make_clip(clips / name, "testsrc2=s=64x64:r=12:d=2", *options)
    frames, expected = frames_of(path, 64), decoded_frames(path)
    first, start = frames[0].time, expected[0][0]
    assert [(f.time - first, f.key) for f in frames] == [(t - start, key) for t, key in expected]
    raw = ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    # The two differ in how they interpolate colour, hardly in luma.
    plainly = np.frombuffer(raw, np.uint8).reshape(-1, 64, 64, 3) @ LUMA
    luma = np.array([frame.rgb for frame in frames]) @ LUMA
    assert np.abs(luma - plainly).mean() < 3
    nearest = [np.abs(one - plainly).mean((1, 2)).argmin() for one in luma]
    assert nearest == list(range(24))


def test_frames_of_variable_rate_are_neither_doubled_nor_dropped(clips):
    source = "testsrc2=s=64x48:r=30:d=2,select='not(mod(floor(n*n/7)\\,3))'"
    path = make_clip(clips / "vfr.mkv", source, "-c:v", "libx264", "-fps_mode", "passthrough")
    times = [time for time, _ in decoded_frames(path)]
    assert [frame.time for frame in frames_of(path)] == times
    assert len(set(np.diff(times))) > 2


def test_a_stream_is_chosen_by_its_index(clips):
    both = ["-f", "lavfi", "-i", "color=red:s=64x48:r=12:d=1"]
    both += ["-f", "lavfi", "-i", "color=blue:s=64x48:r=12:d=1", "-map", "0", "-map", "1"]
    ffmpeg(*both, "-c:v", "libx264", clips / "both.mkv")
    red, blue = (frames_of(clips / "both.mkv", stream=n)[0].rgb.mean((0, 1)) for n in (0, 1))
    assert red.argmax() == 0 and blue.argmax() == 2


def test_known_cuts_are_where_they_are(clips):
    source = "color=red:s=64x48:r=12:d=1[a];color=green:s=64x48:r=12:d=0.5[b];[a][b]concat"
    colours = [
        frame.rgb.mean((0, 1)).argmax() for frame in frames_of(make_clip(clips / "c.mp4", source))
    ]
    assert colours == [0] * 12 + [1] * 6


def test_any_name(clips, plain):
    for name in ("sp ace's.mp4", "100%$(x);*?[a].mp4", "ü—映画.mp4", "a:b#c\\.mp4"):
        path = clips / name
        path.write_bytes(plain.read_bytes())
        assert len(frames_of(path)) == 36


def test_a_pipe_that_cannot_be_enlarged_does_as_well(plain, monkeypatch):
    """A user's many decoders on one machine share a limit."""
    wide = [frame.rgb.tobytes() for frame in frames_of(plain)]

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert [frame.rgb.tobytes() for frame in frames_of(plain)] == wide


def test_stopping_early_leaves_nothing_running(plain):
    before = threading.active_count()
    frames = decode(plain, 0, 32, "crop", Decoding())
    next(frames)
    assert threading.active_count() == before + 1
    frames.close()
    assert threading.active_count() == before
