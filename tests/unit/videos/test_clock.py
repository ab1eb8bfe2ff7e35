"""Times that go back."""

import re
import struct
from fractions import Fraction

import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.errors import UserError
from chronovision.videos.clock import go_forward
from chronovision.videos.probe import probe, probe_video
from support.clips import follow, make_clip
from support.clock import (
    assert_is_that_of_the_rows,
    dump,
    rows_of,
)

# Times that go back


def steps(path):
    """A hundred frames, each a key frame, 40 ms apart."""
    return make_clip(path, "testsrc2=s=96x72:r=25:d=4", "-c:v", "ffv1", "-g", "1")


@pytest.mark.moderate
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


def go(times, corrected_frames):
    timed = ((None if t is None else Fraction(t), n) for n, t in enumerate(times))
    return [(float(time), n) for time, n in go_forward("film", timed, corrected_frames)]


def test_times_that_go_forward_are_left_alone():
    assert go(times := [0, 1, 1, 2, 5], corrected_frames := []) == [
        (t, n) for n, t in enumerate(times)
    ]
    assert corrected_frames == []


def test_a_small_step_back_takes_the_time_before():
    times = list(map(Fraction, ["0", "0.04", "0.08", "0.079", "0.12"]))
    assert go(times, corrected_frames := []) == [(0, 0), (0.04, 1), (0.08, 2), (0.08, 3), (0.12, 4)]
    assert corrected_frames == [3]


@pytest.mark.parametrize("last", [None, 0, "1.5", "-100"])
def test_the_time_of_the_last_frame_alone_refuses_no_film(last):
    assert go([0, 1, 2, last], corrected_frames := []) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert corrected_frames == [3]


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


@pytest.mark.moderate
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
