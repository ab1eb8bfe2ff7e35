"""Decoding against independent oracles, geometry by calculation."""

import fcntl
import json
import queue
import threading
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import h5py
import numpy as np
import pytest

import chronovision.videos.decoding
import chronovision.videos.frames
from chronovision.core.files import read_json
from chronovision.core.provenance import read_provenance
from chronovision.errors import UserError
from chronovision.videos.decoding import (
    BLOCK_ROWS,
    Decoding,
    analysed_rows,
    decode,
    decoder_messages,
)
from chronovision.videos.ffmpeg_log import parse_stderr
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from support.clips import (
    H264,
    cut,
    damage,
    decoded_frames,
    ffmpeg,
    follow,
    make_clip,
    make_lossless,
    make_ramps,
    put_matrix,
    turn,
)

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = (None, None)
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def plain(clips):
    return make_clip(clips / "plain.mp4")


def frames_of(path, size=32, geometry="crop", stream=0, decoding=None):
    return list(decode(path, stream, size, geometry, decoding or Decoding()))


def picture_of(path, size=32, geometry="crop"):
    return frames_of(path, size, geometry)[0].rgb.astype(float)


# Decoding


def test_rows_far_apart_keep_no_pictures_between_them(clips, tmp_path):
    path = make_clip(clips / "many.mp4", "testsrc2=s=64x64:r=25:d=20", *H264)
    probe_video(path, tmp_path / "info.json", stream=None)
    options = {"video": "many", "span": WHOLE, "strict": False}
    settings = {**SETTINGS, "size": 64, "every": BLOCK_ROWS}
    # What a first call imports on its way is none of the pictures'.
    dump_frames(tmp_path / "info.json", tmp_path / "first.h5", frames=settings, **options)
    tracemalloc.start()
    dump_frames(tmp_path / "info.json", tmp_path / "frames.h5", frames=settings, **options)
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


# Damage


@pytest.fixture(scope="module")
def damaged(clips):
    source = make_clip(
        clips / "noisy.mp4", "testsrc2=s=128x96:r=12:d=3,noise=alls=60:allf=t", *H264
    )
    return damage(source, clips / "damaged.mp4")


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
    dump_frames(tmp_path / "info.json", tmp_path / "frames.h5", **options)
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


# Geometry. In make_ramps the source column of a pixel is its red, the row its green.


def expected_ramp(size, covered, offset=0.0):
    """Source coordinate at the centres of `size` pixels that cover `covered` source pixels."""
    return offset + (np.arange(size) + 0.5) * covered / size - 0.5


def assert_ramps(picture, columns, rows, inside=2):
    """All but the outermost pixels, where the scaler repeats the border."""
    inner = slice(inside, -inside)
    np.testing.assert_allclose(picture[inner, inner, 0].mean(0), columns[inner], atol=1.01)
    np.testing.assert_allclose(picture[inner, inner, 1].mean(1), rows[inner], atol=1.01)
    np.testing.assert_allclose(picture[inner, inner, 2], 200, atol=1.01)


@pytest.fixture(scope="module")
def ramps(clips):
    return make_lossless(clips / "ramps.mkv", np.array([make_ramps(64, 96)] * 2))


def test_crop_takes_the_centre_square(ramps):
    assert_ramps(picture_of(ramps), expected_ramp(32, 64, 16), expected_ramp(32, 64))


def test_squash_takes_everything(ramps):
    picture = picture_of(ramps, geometry="squash")
    assert_ramps(picture, expected_ramp(32, 96), expected_ramp(32, 64))


def test_pad_adds_black_bars(ramps):
    picture = picture_of(ramps, geometry="pad")
    height, top = round(32 * 64 / 96), (32 - 21) // 2
    assert (picture[:top] == 0).all() and (picture[top + height :] == 0).all()
    shown = picture[top : top + height]
    assert_ramps(shown, expected_ramp(32, 96), expected_ramp(height, 64))


def test_tall_pictures(clips):
    path = make_lossless(clips / "tall.mkv", np.array([make_ramps(96, 64)] * 2))
    assert_ramps(picture_of(path), expected_ramp(32, 64), expected_ramp(32, 64, 16))
    padded = picture_of(path, geometry="pad")
    assert (padded[:, :5] == 0).all() and (padded[:, 26:] == 0).all()
    assert_ramps(padded[:, 5:26], expected_ramp(21, 64), expected_ramp(32, 96))


def test_the_sample_aspect_ratio_counts(clips):
    """48×64 pixels, each twice as wide as high, are shown as 96×64."""
    wide = np.array([make_ramps(64, 48)] * 2)
    path = make_lossless(clips / "sar.mkv", wide, "12", "-vf", "setsar=2")
    assert_ramps(picture_of(path), expected_ramp(32, 32, 8), expected_ramp(32, 64))
    padded = picture_of(path, geometry="pad")
    assert (padded[:5] == 0).all() and (padded[26:] == 0).all()
    assert_ramps(padded[5:26], expected_ramp(32, 48), expected_ramp(21, 64))
    assert_ramps(picture_of(path, geometry="squash"), expected_ramp(32, 48), expected_ramp(32, 64))


def test_enlarging(clips):
    path = make_lossless(clips / "small.mkv", np.array([make_ramps(20, 30)] * 2))
    picture = picture_of(path, 60)
    assert_ramps(picture, expected_ramp(60, 20, 5), expected_ramp(60, 20), inside=4)


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotation_is_applied(clips, angle, turns):
    """Angles are counter-clockwise, as np.rot90 turns."""
    straight = np.array([make_ramps(64, 96)] * 2)
    coding = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p")
    source = make_lossless(clips / "straight.mkv", straight)
    ffmpeg("-i", source, *coding, clips / "straight.mp4")
    path = turn(clips / "straight.mp4", clips / f"turned{angle}.mp4", angle)
    turned = np.rot90(picture_of(ramps_path := clips / "straight.mp4", geometry="squash"), turns)
    difference = np.abs(picture_of(path, geometry="squash") - turned)[2:-2, 2:-2]
    assert difference.mean() < 1.5, ramps_path


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize(
    ("width", "height"),
    [(65, 49), (49, 65), (17, 400), (400, 17), (31, 31), (97, 96), (33, 32), (639, 359)],
)
def test_odd_sizes_give_the_square(clips, width, height, geometry):
    path = clips / f"{width}x{height}.mkv"
    if not path.exists():
        make_lossless(path, np.full((2, height, width, 3), 90, np.uint8))
    picture = picture_of(path, 31, geometry)
    assert picture.shape == (31, 31, 3)
    shown = picture[picture[..., 0] > 0]
    np.testing.assert_allclose(shown, 90, atol=1)
    if geometry != "pad":
        assert len(shown) == 31 * 31


# Files


@pytest.fixture(scope="module")
def info(clips, plain):
    probe_video(str(plain), clips / "plain.json", stream=None)
    return clips / "plain.json"


def dump(info, output, span=WHOLE, strict=False, **settings):
    dump_frames(info, output, video="plain", frames=SETTINGS | settings, span=span, strict=strict)


def test_the_file_of_frames(info, plain, tmp_path):
    dump(info, tmp_path / "plain.h5")
    expected = frames_of(plain)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert {name: data.dtype.str for name, data in file.items()} == {
            "rgb": "|u1", "source_frame": "<i8", "time_s": "<f8",
            "key_frame": "|b1", "repeated": "|b1",
        }  # fmt: skip
        np.testing.assert_array_equal(file["rgb"], [frame.rgb for frame in expected])
        np.testing.assert_allclose(file["time_s"], np.arange(36) / 12)
        np.testing.assert_array_equal(file["source_frame"], np.arange(36))
        np.testing.assert_array_equal(file["key_frame"], [frame.key for frame in expected])
        facts = dict(file.attrs)
    assert (facts["n_decoded"], facts["header_frames"], facts["vfr"]) == (36, 36, False)
    assert facts["frame_interval_s"] == pytest.approx(1 / 12)
    assert json.loads(facts["decoder_messages"]) == []
    record = read_provenance(tmp_path / "plain.h5")
    assert record["videos"]["plain"]["sha256"] == read_json(info)["sha256"]
    assert record["steps"]["dump_frames"]["size"] == 32


@pytest.mark.parametrize(
    ("span", "settings", "sources"),
    [
        (WHOLE, {"every": 5}, range(0, 36, 5)),
        ((1.0, 2.0), {}, range(12, 24)),
        ((1.0, None), {"every": 4}, range(12, 36, 4)),
        ((1.0, None), {"step_s": 0.3}, range(12, 36, 4)),
        (WHOLE, {"fps": 6}, range(0, 36, 2)),
        ((0.5, 1.5), {"fps": 24}, np.repeat(range(6, 18), 2)),
    ],
)
def test_parts_and_rates(info, tmp_path, span, settings, sources):
    dump(info, tmp_path / "plain.h5", span, **settings)
    with h5py.File(tmp_path / "plain.h5") as file:
        kept, time_s = file["source_frame"][:], file["time_s"][:]
        assert file["rgb"].shape == (len(kept), 32, 32, 3)
    if "fps" not in settings:
        np.testing.assert_allclose(time_s, (kept - kept[0]) / 12)
        np.testing.assert_array_equal(kept, sources)
    else:
        np.testing.assert_allclose(time_s, np.arange(len(sources)) / settings["fps"])
        assert len(kept) == len(sources) and np.abs(kept - sources).max() <= 1


@pytest.mark.parametrize(
    ("span", "settings", "said"),
    [
        ((2.95, None), {}, r"0 usable frame\(s\)"),
        ((9.0, None), {}, r"0 usable frame\(s\)"),
        ((0.0, 0.05), {}, r"1 usable frame\(s\)"),
        (WHOLE, {"every": 36}, r"1 usable frame\(s\) of 36 decoded"),
        (WHOLE, {"step_s": 3}, r"1 usable frame\(s\) of 36 decoded.*frames\.step_s"),
        (WHOLE, {"fps": 0.2}, r"1 usable frame\(s\) of 36 decoded"),
    ],
)
def test_fewer_than_two_frames_are_refused(info, tmp_path, span, settings, said):
    with pytest.raises(UserError, match=said):
        dump(info, tmp_path / "plain.h5", span, **settings)
    assert list(tmp_path.iterdir()) == []


def test_no_decodable_frame_is_refused(clips, plain, tmp_path):
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "+faststart", clips / "garbage.mp4")
    data = (clips / "garbage.mp4").read_bytes()
    start = data.index(b"mdat") + 4
    (clips / "garbage.mp4").write_bytes(data[:start] + b"\xa5" * (len(data) - start))
    with pytest.raises(UserError, match="FFmpeg stopped"):
        probe_video(str(clips / "garbage.mp4"), tmp_path / "info.json", stream=None)
    with pytest.raises(UserError, match="FFmpeg stopped"):
        frames_of(clips / "garbage.mp4")
    assert list(tmp_path.iterdir()) == []


def test_messages_of_a_pass_that_only_decodes_are_the_same_each_time(damaged, plain):
    first = sorted(decoder_messages(damaged, 0))
    assert first and not any("0x" in message for message in first)
    for _ in range(10):
        assert sorted(decoder_messages(damaged, 0)) == first
    assert decoder_messages(plain, 0) == []


def test_damage_is_a_note_or_an_error(damaged, tmp_path):
    probe_video(str(damaged), tmp_path / "info.json", stream=None)
    dump(tmp_path / "info.json", tmp_path / "noted.h5")
    with h5py.File(tmp_path / "noted.h5") as file:
        assert json.loads(file.attrs["decoder_messages"])
    with pytest.raises(UserError, match="the decoder reports damage .* strict is true"):
        dump(tmp_path / "info.json", tmp_path / "strict.h5", strict=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["info.json", "noted.h5"]


def test_strict_takes_an_undamaged_file(info, tmp_path):
    dump(info, tmp_path / "plain.h5", strict=True)
    assert (tmp_path / "plain.h5").exists()


def test_memory_holds_one_picture_at_a_time(info):
    """The rows come as they are decoded, not as a list."""
    rows = analysed_rows(read_json(info), SETTINGS, WHOLE, decoding := Decoding())
    next(rows)
    assert decoding.n_decoded <= 1
    rows.close()
