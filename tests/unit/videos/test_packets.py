"""Packets without a picture, fields, hidden and repeated pictures."""

import re
import struct

import pytest

from chronovision.core.files import read_json
from chronovision.videos.probe import probe, probe_video
from support.clips import ffmpeg, ffprobe, make_clip
from support.clock import (
    H264,
    STEADY,
    assert_is_that_of_the_rows,
    dump,
    make,
)
from support.field_coded import stream

pytestmark = pytest.mark.moderate

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


def test_pictures_that_change_in_size_are_all_counted(clips):
    """FFmpeg begins anew what prints the times."""
    small = make(clips / "small.ts", *H264, source="testsrc2=s=64x48:r=25:d=2")
    large = make(clips / "large.ts", *H264, source="testsrc2=s=128x96:r=25:d=2")
    (clips / "sizes.ts").write_bytes(small.read_bytes() + large.read_bytes())
    found = probe(clips / "sizes.ts")
    assert found["n_frames"] == 100
    assert_is_that_of_the_rows(found, clips / "sizes.ts")
