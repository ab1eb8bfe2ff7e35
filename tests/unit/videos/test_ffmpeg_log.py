"""What FFmpeg says while it decodes: descriptions of frames, damage, and what is neither."""

import json
import queue
from fractions import Fraction
from itertools import pairwise

import h5py
import numpy as np
import pytest

import chronovision.videos.decoding
import chronovision.videos.frames
from chronovision.errors import UserError
from chronovision.videos.decoding import Decoding, decoder_messages
from chronovision.videos.ffmpeg_log import parse_stderr
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import (
    H264,
    cut,
    ffmpeg,
    follow,
    make_clip,
    put_matrix,
)
from support.decoded import frames_of

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = Span()


def test_damage_is_noted_and_the_same_each_time(damaged):
    first, second = Decoding(), Decoding()
    one, two = frames_of(damaged, decoding=first), frames_of(damaged, decoding=second)
    assert first.messages and second.messages
    assert not any("0x" in message for message in first.messages + second.messages)
    np.testing.assert_array_equal([f.rgb for f in one], [f.rgb for f in two])
    assert first.n_decoded == len(one)


SHOWN = "[Parsed_showinfo_1 @ 0x7f] [info] "
FRAME = "n:   7 pts:    434 pts_time:0.434   duration:     33 fmt:yuv420p iskey:0 type:P "
QUIET = [
    SHOWN + "config in time_base: 1/1000, frame_rate: 30/1",
    SHOWN + FRAME,
    SHOWN + "color_range:tv color_space:unknown color_primaries:unknown color_trc:unknown",
    "[info] Output #0, rawvideo, to 'pipe:1':",
    "[info]   Metadata:",
    "[info]     encoder         : Lavf63.1.102",
    "[info]   Stream #0:0: Video: rawvideo, rgb24, 64x64, q=2-31, 2457 kb/s, 25 fps, 1000k tbn",
    "[info]       encoder         : Lavc63.1.102 rawvideo",
    "[h264 @ 0x7f] [warning] something that harms none",
    "[info]     Side data:",
    "[info]       displaymatrix: rotation of -0.00 degrees",
    "[info] frame=   50 fps=0.0 q=-0.0 Lsize=     600KiB time=00:00:02.00",
    "[info] video:108kB audio:0kB subtitle:0kB other streams:0kB muxing overhead: 0.000000%",
]


def heard(*lines):
    decoding = Decoding()
    parse_stderr([f"{line}\n".encode() for line in lines], queue.Queue(), decoding)
    return decoding


def test_nothing_is_missed_of_what_ffmpeg_says_of_a_whole_file():
    decoding = heard("[info]     title           : a film of [error]s", *QUIET)
    assert not decoding.messages and not decoding.interrupted


SECOND = FRAME.replace("n:   7", "n:   1").replace("434", "467").replace("iskey:0", "iskey:1")
FIRST = FRAME.replace("n:   7", "n:   0")
CLOCK = "config in time_base: 1/1000, frame_rate: 30/1"
TITLE = "[info]     title           : "


def described(*lines):
    """What becomes of descriptions of frames: their times, or None where one cannot be right."""
    frames: queue.Queue = queue.Queue()
    parse_stderr([f"{line}\n".encode() for line in lines], frames, Decoding())
    found = [frames.get_nowait() for _ in range(frames.qsize())]
    assert found.pop() is None
    return [frame and (int(frame[1]) * frame[0], frame[2]) for frame in found]


@pytest.mark.parametrize(
    "lines",
    [
        (SHOWN + CLOCK, SHOWN + FIRST, SHOWN + SECOND),
        # Another message has not ended its line.
        ("sent to ffmpeg-devel@ffmpeg.org)" + CLOCK, "abc" + FIRST, "[info]   Stream" + SECOND),
        # Titles and names that look like it.
        (TITLE + "config in time_base: 1/5, frame_rate: 5/1", SHOWN + CLOCK, FIRST, SECOND),
        (TITLE + FRAME, "x)Input #0 from '" + CLOCK + ".mp4':", SHOWN + CLOCK, FIRST, SECOND),
    ],
)
def test_a_description_is_known_wherever_it_stands(lines):
    assert described(*lines) == [(Fraction(434, 1000), False), (Fraction(467, 1000), True)]


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        ((SHOWN + FIRST,), []),  # no clock
        ((SHOWN + CLOCK.replace("1/1000", "0/0"), SHOWN + FIRST), []),
        ((SHOWN + CLOCK.replace("1/1000", "1/90000"), SHOWN + FIRST), []),  # another's
        ((SHOWN + CLOCK, SHOWN + FIRST.replace("0.434", "NOPTS")), []),
        ((SHOWN + CLOCK, SHOWN + FIRST, SHOWN + FRAME), [0.434]),  # frames between are missing
        ((SHOWN + CLOCK, SHOWN + FIRST, SHOWN + FIRST), [0.434]),
        # Where pictures change in size the filters begin anew.
        ((SHOWN + CLOCK, SHOWN + FIRST, SHOWN + CLOCK, SHOWN + FIRST), [0.434, 0.434]),
    ],
)
def test_a_description_that_cannot_be_right_is_none(lines, right):
    found = described(*lines)
    assert [float(frame[0]) for frame in found if frame] == right
    assert found[len(right) :] in ([], [None])


@pytest.mark.parametrize(
    "line",
    [
        SHOWN + FRAME + "Element at 0x5b3a exceeds its master",
        SHOWN + "color_range:tvElement at 0x5b3a exceeds its master",
        "[info]   Stream #0:0Element at 0x5b3a exceeds its master",
        "Element at 0x5b3a exceeds its master",
    ],
)
def test_what_is_said_without_its_level_is_noticed(line):
    """FFmpeg leaves it out where another thread has not finished its line."""
    assert heard(*QUIET, line).interrupted


def test_what_is_said_without_its_level_is_asked_for_again(plain, tmp_path, monkeypatch):
    def parse_twice(stderr, described, decoding):
        parse_stderr(stderr, described, decoding)
        decoding.interrupted = True

    monkeypatch.setattr(chronovision.videos.decoding, "parse_stderr", parse_twice)
    monkeypatch.setattr(
        chronovision.videos.frames, "decoder_messages", lambda *_: ["[x] [error] lost"]
    )
    probe_video(plain, tmp_path / "info.json", stream=None)
    options = {"video": "v", "frames": SETTINGS, "span": WHOLE, "strict": False}
    dump_frames(info_path=tmp_path / "info.json", output=tmp_path / "frames.h5", **options)
    with h5py.File(tmp_path / "frames.h5") as file:
        assert json.loads(file.attrs["decoder_messages"]) == ["[x] [error] lost (×1)"]


@pytest.mark.parametrize("shift", ["eq(N,7)", "0.97*eq(mod(N,5),3)"])
def test_frames_with_times_alike_are_no_damage(clips, shift):
    """Of equal ones, or less than 1/rate apart, the writers of FFmpeg's output would complain."""
    source = f"testsrc2=s=64x48:r=10:d=2,settb=1/1000,setpts='(N-{shift})*100'"
    coding = ("-c:v", "libx264", "-bf", "0", "-fps_mode", "passthrough")
    path = make_clip(clips / "alike.mkv", source, *coding, "-enc_time_base", "1:1000")
    decoding = Decoding()
    frames = frames_of(path, decoding=decoding)
    assert len(frames) == 20 and min(b.time - a.time for a, b in pairwise(frames)) < 0.01
    assert not decoding.messages and not decoder_messages(path, 0)


def test_a_message_that_does_not_end_its_line_hides_no_description(clips, plain):
    """FFmpeg wonders at the angle, and goes on within that line with the clock of the frames."""
    half = 46341
    path = put_matrix(plain, clips / "r.mp4", half, -half, 0, half, half, 0, 0, 0, 1 << 30)
    times = [(frame.time, frame.key) for frame in frames_of(plain)]
    assert [(frame.time, frame.key) for frame in frames_of(path)] == times


def test_a_second_film_that_ffmpeg_leaves_out_is_noted(clips, plain):
    """Behind an element of no known kind the file's own structure is not followed."""
    film = plain.read_bytes()
    (clips / "two.mp4").write_bytes(film + b"\0\0\0\x10abcd12345678" + film)
    decoding = Decoding()
    assert len(frames_of(clips / "two.mp4", decoding=decoding)) == 36
    assert any("duplicated MOOV" in message for message in decoding.messages)
    assert any("duplicated MOOV" in one for one in decoder_messages(clips / "two.mp4", 0))


def test_a_whole_file_gives_no_messages(plain):
    decoding = Decoding()
    assert len(frames_of(plain, decoding=decoding)) == decoding.n_decoded == 36
    assert not decoding.messages


def test_a_variable_rate_is_no_damage(clips):
    """A muxer of ours with ticks of 1/rate would complain of the jitter."""
    jitter = "settb=1/90000,setpts=(N+0.45*mod(N*7\\,5)/5)*3600"
    path = clips / "jitter.mp4"
    source = f"testsrc2=s=64x48:r=25:d=4,{jitter}"
    make_clip(path, source, *H264, "-fps_mode", "passthrough", "-enc_time_base", "1:90000")
    decoding = Decoding()
    frames = frames_of(path, decoding=decoding)
    assert len(frames) == 100 and len({b.time - a.time for a, b in pairwise(frames)}) > 1
    assert not decoding.messages


@pytest.mark.moderate
@pytest.mark.parametrize("name", ["partial file [error].mp4", "[h264 @ 0x1] [error] corrupt.mp4"])
def test_names_and_titles_are_no_messages(clips, name):
    path = clips / name
    title = ("-metadata", "title=x] [error] partial file moov atom not found")
    make_clip(path, "testsrc2=s=64x48:r=12:d=1", *H264, *title)
    probe_video(path, clips / "named.json", stream=None)
    decoding = Decoding()
    assert len(frames_of(path, decoding=decoding)) == 12
    assert not decoding.messages


FORGED = (
    "How to mend a partial file\n[h264 @ 0x5] [error] moov atom not found\n[error] corrupt\n"
    "[Parsed_showinfo_1 @ 0x5] [info] config in time_base: 1/12288, frame_rate: 12/1\n"
    "[Parsed_showinfo_1 @ 0x5] [info] n:   0 pts:      0 pts_time:0 iskey:1 type:I\nend"
)


@pytest.mark.moderate
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_titles_of_many_lines_and_chapters_are_no_messages(clips, suffix, tmp_path):
    """A description that tells of mending a file, and quotes what FFmpeg says of frames."""
    plain = make_clip(clips / "untitled.mp4", "testsrc2=s=64x48:r=12:d=1", *H264)
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=a\n"
    escaped = FORGED.replace("=", "\\=").replace("\n", "\\\n")
    (tmp_path / "tags").write_text(f";FFMETADATA1\ntitle={escaped}\ncomment={escaped}\n{chapter}")
    path = clips / f"titled.{suffix}"
    ffmpeg("-i", plain, "-i", tmp_path / "tags", "-map_metadata", 1, "-c", "copy", path)
    assert FORGED.encode() in path.read_bytes()
    decoding = Decoding()
    titled, expected = frames_of(path, decoding=decoding), frames_of(plain)
    times = [[frame.time - one[0].time for frame in one] for one in (titled, expected)]
    np.testing.assert_allclose(*np.array(times, float), atol=0.001)
    assert [frame.key for frame in titled] == [frame.key for frame in expected]
    assert not decoding.messages and not decoding.interrupted


def test_a_description_too_many_is_an_error(plain, monkeypatch, tmp_path):
    """Else each frame would have the time of another."""

    def parse_more(stderr, described, decoding):
        described.put((Fraction(1, 12), "0", True))
        parse_stderr(stderr, described, decoding)

    monkeypatch.setattr(chronovision.videos.decoding, "parse_stderr", parse_more)
    with pytest.raises(UserError, match="described more frames than it wrote") as caught:
        frames_of(plain)
    monkeypatch.undo()
    assert len(frames_of(follow(caught.value, tmp_path))) == 36


def test_what_only_decoding_shows_is_refused(clips, plain):
    ffmpeg("-i", plain, "-c", "copy", clips / "plain.mkv")
    with pytest.raises(UserError, match="truncated.*ended prematurely"):
        frames_of(cut(clips / "plain.mkv", clips / "cut.mkv", 0.5))
    (clips / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match="truncated|FFmpeg stopped"):
        frames_of(clips / "text.mp4")


@pytest.mark.moderate
def test_messages_of_a_pass_that_only_decodes_are_the_same_each_time(damaged, plain):
    first = sorted(decoder_messages(damaged, 0))
    assert first and not any("0x" in message for message in first)
    for _ in range(10):
        assert sorted(decoder_messages(damaged, 0)) == first
    assert decoder_messages(plain, 0) == []
