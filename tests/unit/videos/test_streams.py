"""Which stream of a file is the film."""

import subprocess

import pytest

from chronovision.errors import UserError
from chronovision.videos.probe import probe
from support.clips import (
    ffmpeg,
    ffprobe,
)

pytestmark = pytest.mark.moderate


@pytest.fixture(scope="module")
def two_streams(clips):
    """Sound, 64×48 and 128×96."""
    small, large = "testsrc2=s=64x48:r=12:d=2", "mandelbrot=s=128x96:r=12"
    sources = ["-f", "lavfi", "-i", "sine=d=2", "-f", "lavfi", "-i", small]
    sources += ["-f", "lavfi", "-t", "2", "-i", large, "-map", "0", "-map", "1", "-map", "2"]
    ffmpeg(*sources, "-c:v", "libx264", "-c:a", "aac", clips / "two.mp4")
    return clips / "two.mp4"


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
