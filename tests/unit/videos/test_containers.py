"""What a file's bytes say before FFmpeg reads it: kind, encryption, a second file behind it."""

import re
import subprocess

import numpy as np
import pytest

from chronovision.errors import UserError
from chronovision.videos.decoding import Decoding, decode
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.probe import probe
from support.clips import ffmpeg, make_clip
from support.paths import PROJECT
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

SOURCE = "testsrc2=s=96x72:r=12:d=3"
KEYS = ("76a6c65c5ea762046bd749a2e632ccbb", "a7e61c373e219033c21091fa607bf3b8")


def pictures(path):
    return [frame.rgb for frame in decode(path, probe(path)["stream"], 32, "crop", Decoding())]


def run_advice(message, folder):
    """Do in a shell what a message says between `…`."""
    commands = re.findall(r"`([^`]+ [^`]+)`", message)
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=folder)
    return len(commands)


# Files joined by `cat`


@pytest.mark.parametrize(
    ("suffix", "options"),
    slow_after(
        1,
        [
            ("mp4", ("-c:v", "libx264")),
            ("mp4", ("-c:v", "libx264", "-movflags", "+faststart")),
            ("mp4", ("-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov")),
            ("mov", ("-c:v", "mjpeg")),
            ("webm", ("-c:v", "libvpx")),
            ("mkv", ("-c:v", "libx264", "-live", "1", "-f", "matroska")),
            ("flv", ("-c:v", "flv")),
            ("wmv", ("-c:v", "wmv2")),
            ("ogv", ("-c:v", "libtheora")),
        ],
    ),
)
def test_joined_files_are_parted_as_the_message_says(clips, tmp_path, suffix, options):
    sources = ("testsrc2=s=96x72:r=25:d=2", "mandelbrot=s=96x72:r=25,trim=duration=2")
    parts = [
        make_clip(tmp_path / f"{number}.{suffix}", source, *options)
        for number, source in enumerate(sources)
    ]
    joined = tmp_path / f"it's joined.{suffix}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(UserError, match="another file begins at byte") as caught:
        probe(joined)
    assert "\n" not in str(caught.value)
    assert run_advice(str(caught.value).replace("`cat`", "cat"), tmp_path) == 2
    for number, part in enumerate(parts, 1):
        found = pictures(tmp_path / f"it's joined.part{number}.{suffix}")
        assert len(found) > 48  # Some encoders give no packet to a picture that is as the last.
        np.testing.assert_array_equal(found, pictures(part))


@pytest.mark.parametrize("flags", ["0", "+faststart"])
def test_joined_files_of_old_quicktime_are_parted(tmp_path, flags):
    """They have no element that stands for their beginning."""
    source, joined = tmp_path / "source.mov", tmp_path / "joined.mov"
    make_clip(source, SOURCE, "-c:v", "mjpeg", "-movflags", flags)
    data = source.read_bytes()
    # Places of pictures count from the file's beginning: another element takes the other's room.
    old = data.replace(b"ftyp", b"wide", 1)
    joined.write_bytes(2 * old)
    with pytest.raises(UserError, match=f"another file begins at byte {len(old)}") as caught:
        probe(joined)
    assert run_advice(str(caught.value).replace("`cat`", "cat"), tmp_path) == 2
    parts = [tmp_path / f"joined.part{number}.mov" for number in (1, 2)]
    assert [part.read_bytes() for part in parts] == [old, old]
    assert len(pictures(parts[1])) == 36


def test_parts_are_written_over_no_other_file(tmp_path):
    """Not even from another folder, or where the film is called like a part."""
    film = make_clip(tmp_path / "film.mp4").read_bytes()
    other, here = tmp_path / "joined.part1.mp4", tmp_path / "here"
    here.mkdir()
    for joined in (tmp_path / "joined.mp4", other):
        joined.write_bytes(2 * film)
    for joined in (tmp_path / "joined.mp4", other):
        before = set(tmp_path.iterdir())
        with pytest.raises(UserError, match="another file begins") as caught:
            probe(joined)
        assert run_advice(str(caught.value).replace("`cat`", "cat"), here) == 2
        written = set(tmp_path.iterdir()) - before
        assert [path.read_bytes() for path in written] == [film, film]
        assert joined.read_bytes() == other.read_bytes() == 2 * film
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "between", "second"),
    [
        ("mp4", bytes(497), "mp4"),
        ("mp4", b"\n\r", "mp4"),
        ("mp4", b"", "mkv"),
        ("mkv", b"", "mp4"),
        ("mp4", bytes((1 << 20) - 2), "avi"),
        ("mkv", bytes(99), "wmv"),
        ("flv", b"", "mp4"),
        ("ogv", b"\0", "flv"),
    ],
)
def test_a_second_film_behind_something_else_is_found(clips, tmp_path, first, between, second):
    codecs = {"ogv": "libtheora", "avi": "mpeg4", "wmv": "wmv2", "flv": "flv"}
    source = "testsrc2=s=192x144:r=25:d=4,noise=alls=60:allf=t"
    parts = []
    for suffix in (first, second):
        path = clips / f"noisy.{suffix}"
        if not path.exists():
            make_clip(path, source, "-c:v", codecs.get(suffix, "libx264"), "-b:v", "400k")
        parts.append(path.read_bytes())
    assert len(parts[1]) > 1 << 17
    (tmp_path / f"joined.{first}").write_bytes(parts[0] + between + parts[1])
    begins = len(parts[0] + between)
    with pytest.raises(UserError, match=f"another file begins at byte {begins}, "):
        probe(tmp_path / f"joined.{first}")


def test_what_lies_behind_the_last_element_is_told(clips, tmp_path, caplog):
    film = make_clip(clips / "plain.mp4").read_bytes()
    live = make_clip(clips / "live.mkv", SOURCE, "-c:v", "mpeg4", "-live", "1", "-f", "matroska")
    for name, content in (("0.mp4", film), ("1.mkv", live.read_bytes())):
        (tmp_path / name).write_bytes(content)
        assert probe(tmp_path / name)["n_frames"] == 36
    assert caplog.text == ""
    (tmp_path / "tail.mp4").write_bytes(film + bytes(200_000))
    assert probe(tmp_path / "tail.mp4")["n_frames"] == 36
    assert "tail.mp4: the last 200000 bytes belong to nothing that its container" in caplog.text


def test_a_box_of_a_kind_of_its_own_is_passed_over(clips, tmp_path, caplog):
    """Also if a film of its own is in it; what follows it is looked at."""
    small = make_clip(clips / "plain.mp4").read_bytes()
    box = (200_008).to_bytes(4) + b"beam" + small + bytes(200_000 - len(small))
    live = ("-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    film = make_clip(clips / "live.mp4", SOURCE, *live).read_bytes()
    begin = int.from_bytes(film[:4])
    path = tmp_path / "film.mp4"
    for content in (film + box, film[:begin] + box + film[begin:]):
        path.write_bytes(content)
        assert probe(path)["n_frames"] == 36
        assert caplog.text == ""
        path.write_bytes(content + small)
        with pytest.raises(UserError, match=f"another file begins at byte {len(content)}"):
            probe(path)


def test_a_film_with_its_index_twice_is_one_film(clips, tmp_path):
    film = make_clip(clips / "plain.mp4").read_bytes()
    index = film[film.index(b"moov") - 4 :]
    assert int.from_bytes(index[:4]) == len(index)
    (tmp_path / "twice.mp4").write_bytes(film + index)
    assert len(pictures(tmp_path / "twice.mp4")) == 36


@pytest.mark.parametrize("kind", [b"free", b"skip", b"uuid"])
def test_a_last_box_without_pictures_may_claim_what_it_likes(clips, tmp_path, kind):
    film = make_clip(clips / "plain.mp4").read_bytes()
    (tmp_path / "film.mp4").write_bytes(film + (5000).to_bytes(4) + kind + bytes(100))
    assert len(pictures(tmp_path / "film.mp4")) == 36


def test_joined_avi_files_are_read_to_their_end(clips):
    parts = [
        make_clip(clips / f"{number}.avi", f"{source}=s=96x72:r=25:d=2", "-c:v", "mpeg4")
        for number, source in enumerate(("testsrc2", "testsrc"))
    ]
    (clips / "joined.avi").write_bytes(b"".join(part.read_bytes() for part in parts))
    found = probe(clips / "joined.avi")
    assert (found["n_frames"], found["vfr"]) == (100, False)
    assert len(pictures(clips / "joined.avi")) == 100


def test_films_are_joined_as_the_documentation_says(tmp_path):
    page = (PROJECT / "docs/how-to.md").read_text(encoding="utf-8")
    commands = page.split("## Join films")[1].split("```")[1].replace("ffmpeg", find_tools().ffmpeg)
    for name, source in (("one", "testsrc2"), ("two", "mandelbrot")):
        graph = f"{source}=s=96x72:r=25,trim=duration=2"
        make_clip(tmp_path / f"{name}.mp4", graph, "-c:v", "libx264", "-bf", "2")
    subprocess.run(commands, shell=True, check=True, cwd=tmp_path, stdin=subprocess.DEVNULL)
    found = probe(tmp_path / "both.mkv")
    assert (found["n_frames"], found["vfr"]) == (100, False)
    assert found["duration_s"] == pytest.approx(4, abs=0.05)
    expected = pictures(tmp_path / "one.mp4") + pictures(tmp_path / "two.mp4")
    np.testing.assert_array_equal(pictures(tmp_path / "both.mkv"), expected)


# Encryption


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov"])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_encrypted_pictures_are_refused(clips, suffix, flags):
    plain = make_clip(clips / "plain.mp4")
    scheme = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEYS[0])
    path = clips / f"encrypted.{suffix}"
    ffmpeg(
        *("-i", plain, "-c", "copy", *scheme, "-encryption_kid", KEYS[1]),
        *("-movflags", flags, "-f", "mp4", path),
    )
    with pytest.raises(UserError, match=rf"encrypted\.{suffix}: the file is encrypted"):
        probe(path)


def test_encrypted_sound_alone_is_no_matter(clips):
    """The pictures' sample description stays plain."""
    sound = ("-f", "lavfi", "-i", "sine=d=3", "-f", "lavfi", "-i", "testsrc2=s=96x72:r=12:d=3")
    ffmpeg(*sound, "-c:v", "libx264", "-c:a", "aac", clips / "sound.mp4")
    data = (clips / "sound.mp4").read_bytes()
    assert data.count(b"mp4a") == 1
    (clips / "locked.mp4").write_bytes(data.replace(b"mp4a", b"enca"))
    assert probe(clips / "locked.mp4")["n_frames"] == 36


def test_a_protected_asf_file_is_refused(clips):
    plain = make_clip(clips / "plain.wmv", "testsrc2=s=96x72:r=12:d=1", "-c:v", "wmv2")
    data = plain.read_bytes()
    guard = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + (24).to_bytes(8, "little")
    size = int.from_bytes(data[16:24], "little") + 24
    number = int.from_bytes(data[24:28], "little") + 1
    header = data[:16] + size.to_bytes(8, "little") + number.to_bytes(4, "little") + data[28:30]
    (clips / "drm.wmv").write_bytes(header + guard + data[30:])
    with pytest.raises(UserError, match="drm.wmv: the file is encrypted"):
        probe(clips / "drm.wmv")


def test_an_encrypted_track_of_matroska_is_refused(clips):
    """AES, by an element ContentEncodings put at the end of the only track."""
    data = bytearray(make_clip(clips / "plain.mkv", SOURCE, "-c:v", "libx264").read_bytes())
    key = bytes.fromhex("47e18105") + _element("47e2", bytes(range(16)))
    encoding = bytes.fromhex("50338101") + _element("5035", key)
    added = _element("6d80", _element("6240", encoding))
    segment = data.index(bytes.fromhex("18538067")) + 4
    tracks = data.rindex(bytes.fromhex("1654ae6b")) + 4
    track = data.index(bytes.fromhex("ae01000000"), tracks) + 1
    end = track + 8 + int.from_bytes(data[track + 1 : track + 8])
    for place, width in ((segment, 8), (tracks, 2), (track, 8)):  # sizes of what is around it
        size = int.from_bytes(data[place : place + width]) + len(added)
        data[place : place + width] = size.to_bytes(width)
    data[end:end] = added
    (clips / "locked.mkv").write_bytes(data)
    with pytest.raises(UserError, match="locked.mkv: the file is encrypted"):
        probe(clips / "locked.mkv")


def _element(tag, content):
    """A short element of Matroska."""
    return bytes.fromhex(tag) + bytes([0x80 + len(content)]) + content


# Texts


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile plain.mp4\n",
        "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nplain.mp4\n#EXT-X-ENDLIST\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        'AviSource("plain.avi")\n',
        "Notes über a day. " * 700,
    ],
)
def test_texts_are_no_videos(clips, text):
    """Not even where what they name is there."""
    make_clip(clips / "plain.mp4")
    (clips / "film.mp4").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="film.mp4: not a video but text"):
        probe(clips / "film.mp4")


def test_a_playlist_that_does_not_look_like_text_is_none(clips):
    make_clip(clips / "plain.mp4")
    script = b"ffconcat version 1.0\n# \xff\x01\nfile plain.mp4\n"
    (clips / "film.mp4").write_bytes(script)
    with pytest.raises(UserError, match="film.mp4: not a video by itself.*`concat`"):
        probe(clips / "film.mp4")


def test_a_name_that_ffmpeg_takes_for_a_pattern_is_refused(clips):
    for number in range(3):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48", "-frames:v", "1", clips / f"{number}.png")
    (clips / "%d.png").write_bytes((clips / "0.png").read_bytes())
    with pytest.raises(UserError, match="not a video by itself.*`image2`.*rename it"):
        probe(clips / "%d.png")


def test_a_film_that_begins_with_text_is_read(clips):
    """The header of YUV4MPEG2 is a line, and grey pictures of 90 are letters."""
    path = make_clip(
        clips / "z.y4m", "color=s=96x72:r=12:d=1,lutyuv=y=90:u=90:v=90", "-pix_fmt", "yuv420p"
    )
    assert probe(path)["n_frames"] == 12
