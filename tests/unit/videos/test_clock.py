"""The times that the probe tells are those of the rows, whatever the container says of them."""

import re
import struct
from fractions import Fraction

import h5py
import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.core.provenance import read_provenance
from chronovision.core.timing import has_variable_rate, median_interval, nominal_interval
from chronovision.errors import UserError
from chronovision.features.pieces import piece_names
from chronovision.quality.notes import decoding_notes
from chronovision.verification.features import decode_sample
from chronovision.videos.clock import decoded_times, go_forward
from chronovision.videos.decoding import Decoding, decode
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe, probe_video
from support.clips import ffmpeg, ffprobe, follow, make_clip
from support.field_coded import stream

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = (None, None)
H264 = ("-c:v", "libx264", "-bf", "2", "-g", "25")
MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-b:v", "60k")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def rows_of(path):
    """Times and pictures of the frames, as the rows have them."""
    decoding = Decoding()
    frames = list(decode(path, probe(path)["stream"], 32, "crop", decoding))
    times = np.array([float(frame.time - frames[0].time) for frame in frames])
    np.testing.assert_array_equal(times, decoding.time_s)
    return times, [frame.rgb.astype(int) for frame in frames]


def assert_is_that_of_the_rows(found, path):
    """One truth: what the probe says follows from the times of the rows, to the last digit."""
    time_s, _ = rows_of(path)
    assert found["n_frames"] == len(time_s)
    assert found["frame_rate"] == 1 / nominal_interval(time_s)
    assert found["vfr"] == has_variable_rate(time_s)
    assert found["median_interval_s"] == median_interval(time_s)
    assert found["duration_s"] == time_s[-1] + median_interval(time_s)


def make(path, *options, source="testsrc2=s=96x72:r=25:d=3"):
    return make_clip(path, source, *options)


STEADY = {
    "b.mp4": ("packets", (*H264, "-b:v", "1M")),
    "b.mkv": ("packets", (*H264, "-b:v", "1M")),
    "b.mov": ("packets", ("-c:v", "prores")),
    "b.flv": ("packets", (*H264, "-b:v", "1M")),
    "b.ts": ("packets", (*H264, "-b:v", "1M")),
    "h.mkv": ("packets", ("-c:v", "libx265", "-x265-params", "log-level=none")),
    "v.webm": ("packets", ("-c:v", "libvpx-vp9", "-lag-in-frames", "25", "-cpu-used", "8")),
    "j.avi": ("packets", ("-c:v", "mjpeg")),
    "x.mkv": ("packets", ("-c:v", "ffv1")),
    "v8.webm": ("decoded", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "25")),
    "a.mpg": ("decoded", MPEG2),
    "dvd.mpg": ("decoded", ("-target", "pal-dvd")),
    "m.ts": ("decoded", MPEG2),
    "m.avi": ("decoded", ("-c:v", "mpeg4", "-bf", "2")),
    "b.avi": ("decoded", (*H264, "-b:v", "1M")),
    "w.wmv": ("decoded", ("-c:v", "wmv2")),
}


@pytest.mark.parametrize("name", STEADY)
def test_a_steady_rate_is_one_in_any_container(clips, name):
    """Three seconds of 25 frames/s, with B-frames where there are any."""
    source, options = STEADY[name]
    found = probe(path := make(clips / name, *options))
    assert found["times"] == source
    assert (found["vfr"], found["clock_jumps"]) == (False, 0)
    assert found["frame_rate"] == pytest.approx(25)
    assert found["n_frames"] == pytest.approx(75, abs=2)  # some write no packet for the first ones
    assert found["duration_s"] == pytest.approx(found["n_frames"] / 25)
    assert_is_that_of_the_rows(found, path)


@pytest.mark.parametrize("name", [name for name, (way, _) in STEADY.items() if way == "packets"])
def test_the_fast_path_gives_what_decoding_gives(clips, name):
    if not (path := clips / name).exists():
        make(path, *STEADY[name][1])
    found = probe(path)
    decoded = decoded_times(path, 0, Fraction(found["time_base"]), 75)
    assert len(decoded) == found["n_frames"] == found["n_coded"]
    assert found["duration_s"] == decoded[-1] + median_interval(decoded)


def test_mpeg4_by_xvid_is_steady_in_avi(clips):
    """Packed: a third of its packets has a time, which is that of another frame."""
    try:
        path = make(clips / "xvid.avi", "-c:v", "libxvid", "-bf", "2", "-g", "30")
    except AssertionError:
        pytest.skip("this FFmpeg has no libxvid")
    found = probe(path)
    assert (found["vfr"], found["times"]) == (False, "decoded")
    assert found["frame_rate"] == pytest.approx(25)
    assert_is_that_of_the_rows(found, path)


# Streams joined by cat


@pytest.fixture(scope="module", params=["ts", "m2ts", "mpg", "vob"])
def parts(request, clips):
    """Two films of 50 frames, and the second an hour later."""
    suffix, source = request.param, "testsrc2=s=96x72:r=25:d=2"
    options = MPEG2 if suffix in ("mpg", "vob") else H264
    first = make(clips / f"first.{suffix}", *options, source=source)
    later = clips / f"later.{suffix}"
    make_clip(later, source, *options, "-output_ts_offset", "3600")
    return first, later


@pytest.mark.parametrize("second", ["again", "later"])
def test_joined_streams_go_on(clips, parts, second, tmp_path):
    path = clips / f"joined{parts[0].suffix}"
    path.write_bytes(parts[0].read_bytes() + parts[second == "later"].read_bytes())
    probe_video(path, tmp_path / "info.json", stream=None)
    found = read_json(tmp_path / "info.json")
    assert (found["n_frames"], found["vfr"], found["clock_jumps"]) == (100, False, 1)
    assert found["duration_s"] == pytest.approx(4)
    assert_is_that_of_the_rows(found, path)
    assert piece_names(tmp_path / "info.json", WHOLE, minutes=10) == []
    assert len(piece_names(tmp_path / "info.json", WHOLE, minutes=1 / 30)) == 2
    noted, record = dump(tmp_path, strict=True)
    assert noted.keys() == {"clock_jumps"} and noted["clock_jumps"].value == 1
    # The rows can be had again, as `make verify` does.
    with h5py.File(tmp_path / "frames.h5") as file:
        again = decode_sample(found, record["steps"]["dump_frames"], [])
        assert again.time_s == file["time_s"][:].tolist()


def dump(folder, strict=False):
    """Quality notes of the frames of the probed video, by name, and their provenance."""
    options = {"video": "v", "frames": SETTINGS, "span": WHOLE, "strict": strict}
    dump_frames(folder / "info.json", folder / "frames.h5", **options)
    with h5py.File(folder / "frames.h5") as file:
        notes = {note.note: note for note in decoding_notes(file.attrs, True)}
        assert (np.diff(file["time_s"]) >= 0).all()
    return notes, read_provenance(folder / "frames.h5")


def lose_packet(source, target, pid):
    """The transport stream without a packet from its middle, of the stream with that number."""
    data = source.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    own = [n for n, one in enumerate(packets) if int.from_bytes(one[1:3], "big") & 0x1FFF == pid]
    packets.pop(own[len(own) // 2])
    target.write_bytes(b"".join(packets))
    return target


@pytest.mark.parametrize(("pid", "damaged"), [(0x100, True), (0x101, False)])
@pytest.mark.parametrize("joined", [False, True])
def test_damage_is_that_of_the_pictures(clips, pid, damaged, joined, tmp_path):
    """A packet of the film or of its sound is lost, in a recording or behind a seam."""
    sound = ("-f", "lavfi", "-i", "sine=d=3", "-c:a", "aac")
    whole = make(clips / "sounding.ts", *sound, *H264)
    path = lose_packet(whole, tmp_path / "lost.ts", pid)
    if joined:
        path.write_bytes(whole.read_bytes() + path.read_bytes())
    probe_video(path, tmp_path / "info.json", stream=None)
    noted, _ = dump(tmp_path)
    assert ("decoder_damage" in noted) == damaged
    if damaged:
        with pytest.raises(UserError, match="strict is true"):
            dump(tmp_path, strict=True)
    else:
        dump(tmp_path, strict=True)


def test_a_gap_that_ffmpeg_leaves_is_a_gap(clips):
    """Of three seconds: a recording that broke off, not another one."""
    first = make(clips / "g1.ts", *H264)
    second = make_clip(clips / "g2.ts", "testsrc2=s=96x72:r=25:d=3", *H264, "-output_ts_offset", 6)
    (clips / "gap.ts").write_bytes(first.read_bytes() + second.read_bytes())
    found = probe(clips / "gap.ts")
    assert (found["n_frames"], found["vfr"], found["clock_jumps"]) == (150, True, 0)
    assert found["duration_s"] == pytest.approx(9, abs=0.1)
    assert found["frame_rate"] == pytest.approx(25)


# A rate on a coarser clock


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_on_the_clock_of_a_screen_has_its_own_rate(clips, suffix):
    """Intervals of 2 and 3 ticks of 60 Hz in turn: they vary, the rate does not."""
    source = "testsrc2=s=320x240:r=24000/1001:d=6,fps=60000/1001,mpdecimate"
    path = make_clip(clips / f"film.{suffix}", source, *H264, "-fps_mode", "vfr")
    found = probe(path)
    assert found["frame_rate"] == pytest.approx(24000 / 1001, rel=1e-3)
    assert found["n_frames"] / found["duration_s"] == pytest.approx(24000 / 1001, rel=0.01)
    assert found["vfr"]
    assert_is_that_of_the_rows(found, path)


# Packets without a picture


def test_avi_packets_without_a_picture_are_gaps(clips):
    """MPEG-4 whose pictures 20 to 25 are said not to be coded, in packets at a steady rate."""
    path = make(clips / "coded.avi", "-c:v", "mpeg4", "-bf", "0", "-g", "300")
    empty = without_pictures(path, clips / "holes.avi", b"\x00\x00\x01\xb6", range(20, 26))
    found = probe(empty)
    assert (found["n_coded"], found["n_frames"], found["vfr"]) == (75, 69, True)
    assert found["duration_s"] == pytest.approx(3)
    assert_is_that_of_the_rows(found, empty)


def without_pictures(source, target, start, numbers):
    """The file with some packets of MPEG-4 that begin with `start` left without a picture.

    vop_coding_type P, the second's end, a marker, the time, a marker, and vop_coded 0.
    """
    data = bytearray(source.read_bytes())
    at = [found.start() for found in re.finditer(re.escape(start), data)]
    assert len(at) == 75
    for number in numbers:
        place = at[number] + len(start)
        bits = f"{int.from_bytes(data[place : place + 4], 'big'):032b}"
        ones = bits[2:].index("0")
        # A resolution of 25 ticks takes 5 bits.
        coded = 2 + ones + 1 + 1 + 5 + 1
        assert bits[coded] == "1" and bits[coded - 1] == "1"
        bits = bits[:coded] + "0" + "1" * (31 - coded)
        struct.pack_into(">I", data, place, int(bits, 2))
    target.write_bytes(data)
    return target


def test_h264_packets_without_a_picture_are_gaps(clips, tmp_path):
    """Delimiters alone, in packets at a steady rate: they are too small to hold a picture."""
    path = make_clip(clips / "all.mp4", "testsrc2=s=320x240:r=25:d=3", *ALL_KEY)
    sizes = packet_sizes(path)
    path.write_bytes(hollow(path.read_bytes(), sizes, range(20, 26)))
    found = probe(path)
    assert (found["n_coded"], found["n_frames"], found["vfr"]) == (75, 69, True)
    assert found["duration_s"] == pytest.approx(3)
    assert_is_that_of_the_rows(found, path)


ALL_KEY = ("-c:v", "libx264", "-g", "1", "-bf", "0", "-movflags", "+faststart")


def packet_sizes(path):
    return [int(one["size"]) for one in ffprobe(path, "-show_packets")["packets"]]


def hollow(data, sizes, numbers):
    """The MP4 file with other sizes and contents for some packets: an access unit delimiter."""
    data = bytearray(data)
    table = data.index(b"stsz") + 16
    offset = data.index(b"mdat") + 4
    for number, size in enumerate(sizes):
        assert struct.unpack_from(">I", data, table + 4 * number) == (size,)
        if number in numbers:
            struct.pack_into(">I", data, table + 4 * number, 6)
            # The rest of the packet goes to the end of the file, so that the next follows.
            unit = struct.pack(">IBB", 2, 9, 0xF0)
            rest = data[offset + 6 : offset + size]
            data[offset : offset + size] = unit
            data += rest
            size = 6
        offset += size
    return bytes(data)


def test_h264_packets_of_any_size_without_a_picture_are_gaps(clips):
    """Filler where pictures were: the beginning, decoded, shows what the sizes do not."""
    path = make_clip(clips / "filler.mp4", "testsrc2=s=320x240:r=25:d=3", *ALL_KEY)
    data = bytearray(path.read_bytes())
    for packet in ffprobe(path, "-show_packets")["packets"][20:26]:
        at, size = int(packet["pos"]), int(packet["size"])
        data[at : at + size] = struct.pack(">IB", size - 4, 12) + b"\xff" * (size - 6) + b"\x80"
    path.write_bytes(data)
    found = probe(path)
    assert (found["n_coded"], found["n_frames"], found["vfr"]) == (75, 69, True)
    assert_is_that_of_the_rows(found, path)


def test_a_film_cut_where_pictures_are_only_refreshed_begins_later(clips):
    """The decoder shows nothing until all of a picture was refreshed."""
    refreshed = ("-x264-params", "intra-refresh=1", "-g", "25", "-c:v", "libx264", "-bf", "0")
    source = make(clips / "refreshed.mp4", *refreshed, source="testsrc2=s=160x120:r=25:d=4")
    ffmpeg("-ss", "1", "-i", source, "-c", "copy", path := clips / "begins.mkv")
    found = probe(path)
    assert found["n_frames"] < found["n_coded"]
    assert_is_that_of_the_rows(found, path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_two_fields_are_one_frame(clips, suffix):
    """Each with a packet and a time of its own: 50 fields are 25 frames a second."""
    timed, path = clips / "timed.mp4", clips / f"fields.{suffix}"
    times = ("-bsf:v", "setts=ts=N/50/TB")
    ffmpeg("-f", "h264", "-i", "pipe:0", "-c", "copy", *times, timed, stdin=stream(75))
    ffmpeg("-i", timed, "-c", "copy", path)
    found = probe(path)
    assert (found["n_coded"], found["n_frames"], found["vfr"]) == (150, 75, False)
    assert found["frame_rate"] == pytest.approx(25)
    assert_is_that_of_the_rows(found, path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_times_in_the_order_of_decoding_are_those_of_the_rows(clips, suffix):
    """Of pictures that are shown in another order: each gets the time of another."""
    coded = make(clips / "right.mp4", "-c:v", "libx264", "-bf", "1", "-g", "25", "-b:v", "1M")
    path = clips / f"wrong.{suffix}"
    ffmpeg("-i", coded, "-c", "copy", "-bsf:v", "setts=pts=DTS", path)
    found = probe(path)
    assert found["times"] == "decoded"
    assert_is_that_of_the_rows(found, path)


def test_hidden_pictures_are_no_lost_ones(clips, tmp_path):
    """VP8 has packets with a picture that others refer to, and nobody sees."""
    source = "testsrc2=s=160x120:r=25:d=8"
    for number in (1, 2):
        passed = ("-pass", number, "-passlogfile", tmp_path / "log", "-b:v", "200k")
        path = make(clips / "hidden.webm", *STEADY["v8.webm"][1], *passed, source=source)
    probe_video(path, tmp_path / "info.json", stream=None)
    found = read_json(tmp_path / "info.json")
    assert found["n_frames"] == 200 < found["n_coded"]
    noted, _ = dump(tmp_path)
    assert noted == {}


def test_a_picture_repeated_in_few_bytes_is_one(clips):
    """Of a film that stands still packets hold some twenty bytes: they tell all."""
    path = make(clips / "still.mp4", *H264, source="color=gray:s=64x48:r=25:d=3")
    assert min(packet_sizes(path)) < 32
    found = probe(path)
    assert (found["times"], found["n_frames"]) == ("packets", 75)
    assert_is_that_of_the_rows(found, path)


# Times that go back


def steps(path):
    """A hundred frames, each a key frame, 40 ms apart."""
    return make_clip(path, "testsrc2=s=96x72:r=25:d=4", "-c:v", "ffv1", "-g", "1")


def test_a_step_back_of_a_millisecond_is_mended_and_noted(clips, tmp_path):
    path = set_times(steps(clips / "back.mkv"), {50: 49 * 40 - 1})
    probe_video(path, tmp_path / "info.json", stream=None)
    found = read_json(tmp_path / "info.json")
    assert (found["n_frames"], found["times"], found["vfr"]) == (100, "decoded", True)
    assert found["frame_rate"] == pytest.approx(25)
    assert_is_that_of_the_rows(found, path)
    times, _ = rows_of(path)
    assert times[50] == times[49] == pytest.approx(49 * 0.04)
    noted, _ = dump(tmp_path)
    assert noted["times_set"].value == 1


def set_times(path, times):
    """Write other times (ms) into a Matroska file of `steps`, frame -> time, as no muxer would."""
    data = bytearray(path.read_bytes())
    clusters = re.finditer(rb"\x1f\x43\xb6\x75[\x00-\xff]{1,8}?\xe7([\x81-\x88])", data)
    starts, n = list(clusters), 0
    for cluster, following in zip(starts, [*starts[1:], None], strict=True):
        at, size = cluster.end(), cluster[1][0] - 0x80
        base = int.from_bytes(data[at : at + size], "big")
        end = following.start() if following else len(data)
        block = re.compile(rb"\xa3[\x08-\x7f][\x00-\xff]{1,3}?\x81([\x00-\xff]{2})\x80")
        for found in block.finditer(data, at + size, end):
            assert base + struct.unpack(">h", found[1])[0] == 40 * n
            struct.pack_into(">h", data, found.start(1), times.get(n, 40 * n) - base)
            n += 1
    assert n == 100
    path.write_bytes(data)
    return path


def go(times, mended):
    timed = ((None if t is None else Fraction(t), n) for n, t in enumerate(times))
    return [(float(time), n) for time, n in go_forward("film", timed, mended)]


def test_times_that_go_forward_are_left_alone():
    assert go(times := [0, 1, 1, 2, 5], mended := []) == [(t, n) for n, t in enumerate(times)]
    assert mended == []


def test_a_small_step_back_takes_the_time_before():
    times = list(map(Fraction, ["0", "0.04", "0.08", "0.079", "0.12"]))
    assert go(times, mended := []) == [(0, 0), (0.04, 1), (0.08, 2), (0.08, 3), (0.12, 4)]
    assert mended == [3]


@pytest.mark.parametrize("last", [None, 0, "1.5", "-100"])
def test_the_time_of_the_last_frame_alone_refuses_no_film(last):
    assert go([0, 1, 2, last], mended := []) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert mended == [3]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([None, 1, 2], "frame 0 has no timestamp"),
        ([0, 1, None, 2], "frame 2 has no timestamp"),
        (
            [0, 1, 2, "1.8", 3],
            r"timestamps go back at frame 3, by 0\.2 s; .*setpts=N/FRAME_RATE/TB",
        ),
        (["0", "1", "0.95"] * 40, "timestamps go back at frame 3, by 1 s"),
        (
            [Fraction(n + 2 * (n % 7 == 0), 50) for n in range(100)],
            r"the times of 15 of 100 frames go back, the first at frame 1;",
        ),
    ],
)
def test_what_no_time_can_be_given_to_is_refused(times, said):
    with pytest.raises(UserError, match=said):
        go(times, [])


def test_the_advice_for_times_that_go_back_works(clips):
    """Pairs of frames that have changed their times: every third goes back by 80 ms."""
    mixed = {n + way: 40 * (n + 2 - way) for n in range(10, 90, 3) for way in (0, 2)}
    path = set_times(steps(clips / "mixed.mkv"), mixed)
    with pytest.raises(UserError, match="go back") as caught:
        probe(path)
    found = probe(follow(caught.value, clips))
    assert (found["n_frames"], found["vfr"]) == (100, False)
    assert found["frame_rate"] == pytest.approx(25)
    as_made = rows_of(steps(clips / "straight.mkv"))[1]
    np.testing.assert_array_equal(rows_of(clips / "out.mkv")[1], as_made)


def test_pictures_that_change_in_size_are_all_counted(clips):
    """FFmpeg begins anew what prints the times."""
    small = make(clips / "small.ts", *H264, source="testsrc2=s=64x48:r=25:d=2")
    large = make(clips / "large.ts", *H264, source="testsrc2=s=128x96:r=25:d=2")
    (clips / "sizes.ts").write_bytes(small.read_bytes() + large.read_bytes())
    found = probe(clips / "sizes.ts")
    assert found["n_frames"] == 100
    assert_is_that_of_the_rows(found, clips / "sizes.ts")
