"""A steady rate is one in any container, and streams joined by `cat` go on."""

from fractions import Fraction

import h5py
import pytest

from chronovision.core.files import read_json
from chronovision.core.timing import median_interval
from chronovision.errors import UserError
from chronovision.features.pieces import piece_names
from chronovision.verification.features import decode_sample
from chronovision.videos.clock import decoded_times
from chronovision.videos.probe import probe, probe_video
from support.clips import make_clip
from support.clock import (
    H264,
    MPEG2,
    STEADY,
    WHOLE,
    assert_is_that_of_the_rows,
    dump,
    make,
)
from support.tiers import slow_after

pytestmark = pytest.mark.moderate


@pytest.mark.parametrize("name", (slow_after(4, STEADY)))
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


@pytest.mark.parametrize(
    "name", slow_after(2, [name for name, (way, _) in STEADY.items() if way == "packets"])
)
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


@pytest.fixture(scope="module", params=slow_after(1, ["ts", "m2ts", "mpg", "vob"]))
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
