"""What is read from a video file before anything is decoded."""

import hashlib
import itertools
import json
import math
import shutil
import statistics
import struct
import subprocess

import pytest

from chronovision.errors import UserError
from chronovision.videos.fingerprint import video_provenance
from chronovision.videos.probe import probe, probe_video
from support.clips import (
    count_frames,
    cut,
    decoded_frames,
    ffmpeg,
    ffprobe,
    follow,
    make_clip,
    put_matrix,
    turn,
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def plain(clips):
    return make_clip(clips / "plain.mp4")


@pytest.fixture(scope="module")
def gap(clips):
    """Six frames of a steady 12 frames/s are missing."""
    source = "testsrc2=s=96x72:r=12:d=3,select='not(between(n,10,15))'"
    return make_clip(clips / "gap.mkv", source, "-c:v", "libx264", "-fps_mode", "passthrough")


@pytest.fixture(scope="module")
def two_streams(clips):
    """Sound, 64×48 and 128×96."""
    small, large = "testsrc2=s=64x48:r=12:d=2", "mandelbrot=s=128x96:r=12"
    sources = ["-f", "lavfi", "-i", "sine=d=2", "-f", "lavfi", "-i", small]
    sources += ["-f", "lavfi", "-t", "2", "-i", large, "-map", "0", "-map", "1", "-map", "2"]
    ffmpeg(*sources, "-c:v", "libx264", "-c:a", "aac", clips / "two.mp4")
    return clips / "two.mp4"


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


@pytest.mark.parametrize("flags", [("0", "0"), ("default", "0"), ("0", "default")])
def test_of_several_streams_ffmpegs_choice_is_taken(clips, two_streams, flags, caplog):
    """It goes by flags, then by size; a plain copy shows which one it takes."""
    caplog.set_level("INFO", logger="chronovision")
    path, copied = clips / f"{'-'.join(flags)}.mkv", clips / f"{'-'.join(flags)}.copy.mkv"
    disposition = ("-disposition:v:0", flags[0], "-disposition:v:1", flags[1])
    ffmpeg("-i", two_streams, "-map", "0", "-c", "copy", *disposition, path)
    ffmpeg("-i", path, "-c", "copy", "-an", copied)
    found = probe(path)
    assert found["width"] == ffprobe(copied, "-show_streams")["streams"][0]["width"]
    assert found["width"] == (64 if flags[0] == "default" else 128)
    assert found["video_streams"] == [1, 2]
    assert "has video streams 1 (64×48), 2 (128×96); FFmpeg's own choice is" in caplog.text


@pytest.mark.parametrize("title", ["Stream #0:9 -> #0:0 (", "x\n  Stream #0:2 -> #0:0 ("])
def test_a_title_chooses_no_stream(clips, two_streams, title):
    """FFmpeg prints titles among the lines in which it tells its choice."""
    titles = [f"-metadata{of}" for of in ("", ":s:v:0", ":s:v:1")]
    titles = [word for one in titles for word in (one, f"title={title}")]
    ffmpeg("-i", two_streams, "-map", "0", "-c", "copy", *titles, clips / "titled.mkv")
    assert probe(clips / "titled.mkv")["stream"] == 1


@pytest.mark.parametrize(("stream", "width"), [(1, 64), (2, 128)])
def test_a_named_stream_is_taken(two_streams, stream, width):
    found = probe(two_streams, stream)
    assert (found["stream"], found["width"], found["n_frames"]) == (stream, width, 24)


@pytest.mark.parametrize("stream", [0, 3])
def test_a_stream_that_is_no_video_is_refused(two_streams, stream):
    with pytest.raises(UserError, match=rf"stream {stream} is not a video stream.*1 \(64×48\)"):
        probe(two_streams, stream)


@pytest.fixture(scope="module")
def cover(clips):
    return make_clip(clips / "cover.png", "color=red:s=200x200:d=1", "-frames:v", "1")


def test_a_cover_picture_is_no_video(clips, plain, cover):
    streams = ("-i", cover, "-i", plain, "-map", "0", "-map", "1", "-c", "copy")
    ffmpeg(*streams, "-disposition:v:0", "attached_pic", clips / "covered.mp4")
    assert len(ffprobe(clips / "covered.mp4", "-show_streams")["streams"]) == 2
    found = probe(clips / "covered.mp4")
    assert (found["width"], len(found["video_streams"]), found["n_frames"]) == (96, 1, 36)


def test_music_with_a_cover_has_no_video(clips, cover):
    music = ("-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", "0", "-map", "1")
    cover_flag = ("-c:a", "aac", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg(*music, *cover_flag, clips / "music.m4a")
    with pytest.raises(UserError, match="no video stream in this file"):
        probe(clips / "music.m4a")


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotation(clips, plain, angle):
    found = probe(turn(plain, clips / f"turned{angle}.mp4", angle))
    assert (found["rotation"], found["width"], found["height"]) == (angle, 96, 72)


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


@pytest.mark.parametrize("angle", [1, 45, 89, 300])
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


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_still_that_hides_the_film_is_refused(clips, plain, cover, suffix):
    path = clips / f"still.{suffix}"
    both = ("-i", cover, "-i", plain, "-map", "0:v", "-map", "1:v", "-c", "copy")
    ffmpeg(*both, "-disposition:v:0", "default", "-disposition:v:1", "0", path)
    with pytest.raises(UserError, match=r"stream 0, .* 1 picture\(s\), .*put 1 into .*`stream`"):
        probe(path)
    assert probe(path, 1)["n_frames"] == 36


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_is_not_listed_to_find_the_film(clips, two_streams, suffix, monkeypatch):
    """Of MP4 files the index tells how many pictures a stream has."""
    path, asked = clips / f"two.{suffix}", []
    if suffix != "mp4":
        ffmpeg("-i", two_streams, "-map", "0", "-c", "copy", path)
    start = subprocess.Popen

    def listen(command, **options):
        asked.append(command)
        return start(command, **options)

    monkeypatch.setattr(subprocess, "Popen", listen)
    assert probe(path)["stream"] == 1
    lists = [one for one in asked if any(word.startswith("packet=") for word in one)]
    streams = [one[one.index("-select_streams") + 1] for one in lists]
    assert streams == (["1"] if suffix == "mp4" else ["v", "1"])


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
    [
        "spaces and 'quotes'.mp4",
        "100%$(x)`y`;.mp4",
        "ü—映画.mp4",
        "a*b?[c].mp4",
        "-i.mp4",
        "a:b#c\\.mp4",
    ],
)
def test_any_name(clips, plain, name):
    shutil.copy(plain, clips / name)
    assert probe(clips / name)["n_frames"] == 36


@pytest.fixture(scope="module")
def broken(clips, plain):
    """Files that are not to be used, by name."""
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "+faststart", clips / "fast.mp4")
    ffmpeg("-i", plain, "-c", "copy", clips / "plain.mkv")
    (clips / "empty.mp4").touch()
    (clips / "text.mp4").write_text("not a video\n" * 99)
    (clips / "rubbish.mp4").write_bytes(b"\x93\x01\xfe\x07" * 999)
    (clips / "sub.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    (clips / "folder.mp4").mkdir()
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", clips / "audio.m4a")
    ffmpeg("-i", plain, "-c", "copy", "-f", "h264", clips / "raw.h264")
    make_clip(clips / "one.mp4", "testsrc2=s=96x72:r=12:d=1", "-frames:v", "1")
    cut(plain, clips / "no_moov.mp4", 0.5)
    whole = plain.read_bytes()
    (clips / "no_mdat.mp4").write_bytes(whole[: whole.index(b"moov") - 4])
    cut(clips / "fast.mp4", clips / "cut.mp4", 0.5)
    cut(clips / "plain.mkv", clips / "cut.mkv", 0.5)
    return clips


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.mp4", "no such video file; correct its path in the videos table"),
        ("folder.mp4", "no such video file"),
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "not a video but text"),
        ("rubbish.mp4", "not a video that FFmpeg can read|truncated, or is no video"),
        ("sub.srt", "not a video but text"),
        ("audio.m4a", "no video stream"),
        ("no_moov.mp4", "truncated .its container is .* bytes longer"),
        ("no_mdat.mp4", "truncated.*moov atom not found"),
        ("cut.mp4", "truncated .its container is .* bytes longer"),
        ("cut.mkv", "truncated.*ended prematurely"),
        ("raw.h264", r"frame 0 has no timestamp; if its frames come at a steady rate, .* out\.mkv"),
        ("one.mp4", r"1 frame\(s\) in stream 0; a change needs two"),
        ("cover.png", "has no timestamp|a change needs two"),
    ],
)
def test_files_that_cannot_be_used(broken, cover, name, said):
    with pytest.raises(UserError, match=said) as caught:
        probe(broken / name)
    assert str(caught.value).startswith(f"{broken / name}: ")
    assert "\n" not in str(caught.value) and " @ 0x" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
@pytest.mark.parametrize("suffix", ["mkv", "webm", "mp4", "avi", "mov"])
def test_any_cut_of_a_whole_file_is_noticed(clips, suffix, share):
    """By its container; what only the decoder can notice is left to it."""
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(suffix, "libx264")
    source, target = clips / f"whole.{suffix}", clips / f"cut{share}.{suffix}"
    if not source.exists():
        options = ("-movflags", "+faststart") if suffix in ("mp4", "mov") else ()
        make_clip(source, "testsrc2=s=128x96:r=12:d=3", "-c:v", codec, *options)
    with pytest.raises(UserError, match="truncated|breaks off"):
        probe(cut(source, target, share))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi"])
def test_a_cut_just_between_two_frames_is_noticed(clips, suffix):
    codec = {"webm": "libvpx", "avi": "mpeg4"}.get(suffix, "libx264")
    options = ("-movflags", "+faststart") if suffix in ("mp4", "mov") else ()
    source = make_clip(clips / f"edge.{suffix}", "testsrc2=d=3", "-c:v", codec, *options)
    packets = ffprobe(source, "-show_entries", "packet=pos,size")["packets"]
    end = sorted(int(packet["pos"]) + int(packet["size"]) for packet in packets)[20]
    (clips / f"edges.{suffix}").write_bytes(source.read_bytes()[:end])
    with pytest.raises(UserError, match="the file is truncated"):
        probe(clips / f"edges.{suffix}")


def test_what_follows_the_last_box_is_not_missed(clips, plain):
    """Rubbish at the end of a file, which FFmpeg ignores, may look like a box that goes on."""
    for rubbish in (b"\0" * 99, b"junk" * 25, b"\xff\xff\xff\xffjunk", b"\0\0\0\0mdat"):
        (clips / "rubbish.mp4").write_bytes(plain.read_bytes() + rubbish)
        assert probe(clips / "rubbish.mp4")["n_frames"] == 36


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


def test_no_json_for_an_unusable_file(broken, tmp_path):
    with pytest.raises(UserError):
        probe_video(str(broken / "text.mp4"), tmp_path / "text.json", stream=None)
    assert list(tmp_path.iterdir()) == []
