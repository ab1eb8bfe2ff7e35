"""Every quality note, triggered and not."""

import json
from fractions import Fraction

import h5py
import numpy as np
import pandas as pd
import pytest

from chronovision.quality.notes import (
    change_notes,
    constant_layer_notes,
    decoding_notes,
    pacemaker_note,
    picture_notes,
)
from chronovision.videos.selection import Frame, resample

CLEAN = {
    "decoder_messages": "[]",
    "n_decoded": 100,
    "n_frames": 100,
    "header_frames": 100,
    "vfr": False,
    "clock_jumps": 0,
    "times_set": 0,
}


def names(notes):
    return {note.note: note for note in notes}


# Decoding


def test_a_clean_stream_gives_no_note():
    assert names(decoding_notes(CLEAN, True)) == {}
    assert names(decoding_notes(CLEAN | {"header_frames": -1}, True)) == {}


@pytest.mark.parametrize(
    ("facts", "note", "value", "said"),
    [
        ({"decoder_messages": json.dumps(["[h264] bad (×3)", "b"])}, "decoder_damage", 1, "damage"),
        ({"n_frames": 103}, "frames_decoded", -3, "100 frames were decoded of 103"),
        ({"header_frames": 120}, "frames_in_header", -20, "header claims 120"),
        ({"clock_jumps": 2}, "clock_jumps", 2, "jumps at 2 place"),
        ({"times_set": 3}, "times_set", 3, "times of 3 frame"),
        ({"vfr": True}, "variable_frame_rate", 1, "varies or has gaps"),
    ],
)
def test_notes_on_decoding(facts, note, value, said):
    (found,) = decoding_notes(CLEAN | facts, True)
    assert (found.note, found.level, found.value) == (note, "warning", value)
    assert said in found.message


def test_a_part_of_a_video_is_not_compared_with_the_whole():
    assert names(decoding_notes(CLEAN | {"n_decoded": 40}, False)) == {}


# Pictures


def pixels(n=200, **columns):
    made = {
        "brightness": np.full(n, 120.0),
        "contrast": np.full(n, 50.0),
        "pixel_change": np.r_[np.nan, np.full(n - 1, 3.0)],
        "repeated": np.zeros(n, int),
    }
    for name, (rows, value) in columns.items():
        made[name][rows] = value
    return pd.DataFrame(made)


def test_ordinary_pictures_give_no_note():
    assert names(picture_notes(pixels())) == {}


@pytest.mark.parametrize(("count", "level"), [(1, "info"), (2, "info"), (3, "warning")])
def test_duplicates(count, level):
    """From more than 1 % on a change of the frame rate is likely."""
    (note,) = picture_notes(pixels(pixel_change=(slice(10, 10 + count), 0.0)))
    assert (note.note, note.level, note.value) == ("duplicate_frames", level, count)


def test_rows_repeated_by_resampling_are_no_duplicates():
    repeated = pixels(pixel_change=([5, 9], 0.0), repeated=([5, 9], 1))
    (note,) = picture_notes(repeated)
    assert (note.note, note.level, note.value) == ("repeated_frames", "warning", 2)


@pytest.mark.parametrize(
    ("rate", "count", "level"), [("30000/1001", 9, "info"), ("25", 1500, "warning")]
)
def test_repeats_from_one_percent_on_are_a_warning(rate, count, level):
    """29.97 shown as 30 frames/s, in five minutes."""
    source = (Frame(i, i / Fraction(rate), False, None) for i in range(int(300 * Fraction(rate))))
    repeated = np.array([row.repeated for row in resample(source, 30)])
    (note,) = picture_notes(pixels(len(repeated)).assign(repeated=repeated))
    assert (note.note, note.level, note.value) == ("repeated_frames", level, count)


def test_black_and_constant_frames():
    found = names(picture_notes(pixels(contrast=([3, 4, 5], 0.2), brightness=([4, 5], 16.0))))
    assert set(found) == {"black_frames", "constant_frames"}
    assert (found["black_frames"].value, found["constant_frames"].value) == (2, 1)


def test_a_dark_frame_with_contrast_is_not_black():
    assert names(picture_notes(pixels(brightness=([4, 5], 5.0)))) == {}


# Changes


def changes(n=301, **layers):
    noise = np.random.default_rng(0)
    made = {
        name: noise.uniform(1, 2, n) * scale for name, scale in (layers or {"pool1": 1}).items()
    }
    table = pd.DataFrame(made)
    table.iloc[0] = np.nan
    return table


def flags(n=301, rows=()):
    made = np.zeros(n, bool)
    made[list(rows)] = True
    return made


def notes_of(metric, series, keys, repeated):
    """Notes with the static thresholds of the series' own minima and maxima."""
    static = (series.min() + series.max()).to_numpy() / 2
    return list(change_notes(metric, series, keys, repeated, static))


def test_ordinary_changes_give_no_note():
    assert names(notes_of("correlation", changes(), flags(), flags())) == {}


@pytest.mark.parametrize(("factor", "level"), [(1, "info"), (1.5, "info"), (3, "warning")])
def test_changes_at_key_frames(factor, level):
    series, keys = changes(pool1=1, pool2=1), flags(rows=range(12, 301, 12))
    series.loc[keys, "pool2"] *= factor
    (note,) = [n for n in notes_of("cosine", series, keys, flags()) if "key" in n.note]
    assert (note.note, note.level) == ("key_frames.cosine", level)
    assert note.value == pytest.approx(factor, rel=0.1)
    assert factor == 1 or "pool2" in note.message


def test_repeated_rows_do_not_count_as_changes_elsewhere():
    """Their changes are 0: every key frame would stand out."""
    series, keys, repeated = changes(), flags(rows=range(5, 301, 10)), flags(rows=range(1, 301, 2))
    repeated &= ~keys
    series.loc[repeated, "pool1"] = 0
    (note,) = [n for n in notes_of("cosine", series, keys, repeated) if "key" in n.note]
    assert note.level == "info" and note.value == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("keys", [flags(), flags(rows=range(301)), flags(rows=[0])])
def test_no_ratio_without_both_kinds(keys):
    assert not any("key" in n.note for n in notes_of("cosine", changes(), keys, flags()))


def test_a_layer_that_stands_still():
    series = changes(pool1=1, pool2=1)
    series.loc[1:, "pool2"] = 0.0
    found = names(notes_of("euclidean", series, flags(rows=[50, 100]), flags()))
    assert found["still_layers.euclidean"].value == 1
    assert "pool2" in found["still_layers.euclidean"].message
    assert "pool1" not in found["still_layers.euclidean"].message


@pytest.mark.parametrize(
    ("n", "rows"), [(301, [100, 200]), (90, [40]), (301, [9, 50, 90, 200, 290])]
)
def test_few_frames_that_set_fmax(n, rows):
    series = changes(n, pool1=1, pool2=1)
    series.loc[rows, "pool1"] = 20.0
    (note,) = notes_of("correlation", series, flags(n), flags(n))
    assert (note.note, note.level) == ("few_frames_set_fmax.correlation", "warning")
    rest = series["pool1"].drop(rows).max()
    assert note.value == pytest.approx(20 / rest)
    assert "pool1" in note.message and "pool2" not in note.message


def test_many_salient_frames_do_not_blind():
    series = changes(pool1=1, pool2=1)
    series.loc[range(10, 301, 10), "pool1"] = 20.0
    assert not any("few" in note.note for note in notes_of("cosine", series, flags(), flags()))


def test_changes_among_exact_zeros_are_said_without_infinities():
    """Slides: nothing moves but at a cut, which is a key frame."""
    series = changes(pool1=1, pool2=1)
    series.loc[1:, ["pool1", "pool2"]] = 0.0
    series.loc[150, "pool1"] = 0.5
    found = names(notes_of("cosine", series, flags(rows=[150]), flags()))
    assert np.isnan(found["few_frames_set_fmax.cosine"].value)
    assert np.isnan(found["key_frames.cosine"].value)
    assert found["key_frames.cosine"].level == "info"
    for note in found.values():
        assert "inf" not in note.message and "nan" not in note.message


# The dynamic threshold


@pytest.mark.parametrize(
    ("below", "share", "level"), [(0, 0.0, "info"), (2, 0.5, "info"), (3, 0.75, "warning")]
)
def test_counts_below_the_static_threshold(below, share, level):
    values = np.full((20, 2), 1.0)
    values[[4, 8, 12, 16], 0] = [5.0] * (4 - below) + [2.0] * below
    salient = np.zeros((20, 2), bool)
    salient[[4, 8, 12, 16], 0] = True
    note = pacemaker_note("cosine", values, salient, np.array([3.0, 3.0]), ["pool1", "pool2"])
    assert (note.note, note.level) == ("dynamic_below_static.cosine", level)
    assert note.value == pytest.approx(share)
    assert f"pool1 {share:.0%}, pool2 0%" in note.message


# Activations


@pytest.fixture
def features(tmp_path):
    """A features file with two layers, of which the second is constant in four frames."""
    with h5py.File(tmp_path / "features.h5", "w") as file:
        for layer in ("pool1", "pool2"):
            file[f"layers/{layer}/mean"] = np.linspace(1, 2, 10)
            file[f"layers/{layer}/std"] = np.ones(10)
        file["layers/pool2/std"][2:6] = 0.0
        file["layers/pool2/mean"][2:6] = [1.0, 1.0, 1.0, 3.0]
    with h5py.File(tmp_path / "features.h5") as file:
        yield file


def test_constant_activations(features):
    (note,) = constant_layer_notes(features, ["pool1", "pool2"])
    assert (note.note, note.level, note.value) == ("constant_activations.pool2", "warning", 4)
    assert "(1 pairs differ all the same)" in note.message


def test_no_constant_activations(features):
    assert list(constant_layer_notes(features, ["pool1"])) == []
