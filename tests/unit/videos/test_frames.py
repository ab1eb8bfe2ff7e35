"""The file of frames."""

import json

import h5py
import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.core.provenance import read_provenance
from chronovision.errors import UserError
from chronovision.videos.decoding import (
    Decoding,
    analysed_rows,
)
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import (
    ffmpeg,
)
from support.decoded import frames_of

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = Span()


@pytest.fixture(scope="module")
def info(clips, plain):
    probe_video(str(plain), clips / "plain.json", stream=None)
    return clips / "plain.json"


def dump(info, output, span=WHOLE, strict=False, **settings):
    dump_frames(
        info_path=info,
        video="plain",
        frames=SETTINGS | settings,
        span=span,
        strict=strict,
        output=output,
    )


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
        (Span(1.0, 2.0), {}, range(12, 24)),
        (Span(1.0, None), {"every": 4}, range(12, 36, 4)),
        (Span(1.0, None), {"step_s": 0.3}, range(12, 36, 4)),
        (WHOLE, {"fps": 6}, range(0, 36, 2)),
        (Span(0.5, 1.5), {"fps": 24}, np.repeat(range(6, 18), 2)),
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
        (Span(2.95, None), {}, r"0 usable frame\(s\)"),
        (Span(9.0, None), {}, r"0 usable frame\(s\)"),
        (Span(0.0, 0.05), {}, r"1 usable frame\(s\)"),
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


@pytest.mark.moderate
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
