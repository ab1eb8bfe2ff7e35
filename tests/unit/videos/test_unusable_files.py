"""Files that cannot be used, and those that end too early."""

import pytest

from chronovision.errors import UserError
from chronovision.videos.probe import probe, probe_video
from support.clips import (
    cut,
    ffmpeg,
    ffprobe,
    make_clip,
)
from support.tiers import moderate_after


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


@pytest.mark.moderate
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


@pytest.mark.parametrize("share", moderate_after(1, [0.3, 0.6, 0.9, 0.97]))
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


@pytest.mark.slow
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


@pytest.mark.moderate
def test_what_follows_the_last_box_is_not_missed(clips, plain):
    """Rubbish at the end of a file, which FFmpeg ignores, may look like a box that goes on."""
    for rubbish in (b"\0" * 99, b"junk" * 25, b"\xff\xff\xff\xffjunk", b"\0\0\0\0mdat"):
        (clips / "rubbish.mp4").write_bytes(plain.read_bytes() + rubbish)
        assert probe(clips / "rubbish.mp4")["n_frames"] == 36


def test_no_json_for_an_unusable_file(broken, tmp_path):
    with pytest.raises(UserError):
        probe_video(str(broken / "text.mp4"), tmp_path / "text.json", stream=None)
    assert list(tmp_path.iterdir()) == []
