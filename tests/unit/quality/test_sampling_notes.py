"""Notes on steps: uneven ones in a film of equal changes, and a cadence in the source."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronovision.confounds.pixels import describe_frames
from chronovision.core.files import read_json
from chronovision.core.tables import read_table
from chronovision.features.extraction import extract_features
from chronovision.features.weights import fetch_weights
from chronovision.quality.notes import check_quality
from chronovision.quality.sampling_notes import PERIODS, cadence, cadence_note, uneven_note
from chronovision.salience.changes import measure_changes
from chronovision.videos.decoding import Decoding, analysed_rows
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.selection import Frame, resample
from chronovision.videos.span import Span
from support.clips import ffmpeg, make_lossless

FRAMES = {"size": 64, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
NETWORK = {
    **{"model": "alexnet", "weights": "untrained", "layers": ["pool1", "pool2"], "keep_maps": []},
    **{"maps_dtype": "float16", "device": "cpu", "precision": "float32", "batch_size": "auto"},
}
THRESHOLDS = {
    **{"scope": "video", "range": "minmax", "percentiles": [1, 99]},
    "dynamic": {
        **{"tmax_scale": 1.0, "tmax": None, "tmin": "min", "tau_s": 3.33, "tau_frames": None},
        **{"noise_divisor": 50, "bounded": False},
    },
}
WHOLE = Span()


def moving_texture(n, size=64):
    """A periodic picture that moves on by one pixel a frame: all its changes are equal."""
    spectrum = np.fft.fft2(np.random.default_rng(3).normal(size=(size, size, 3)), axes=(0, 1))
    across = np.fft.fftfreq(size)[:, np.newaxis] ** 2 + np.fft.fftfreq(size)[np.newaxis] ** 2
    smooth = np.fft.ifft2(spectrum * np.exp(-across * 150)[..., np.newaxis], axes=(0, 1)).real
    picture = 128 + 40 * smooth / smooth.std()
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([np.roll(picture, shift, axis=1) for shift in range(n)])


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Facts and weights for a film of equal changes, five seconds of 30 frames/s."""
    root = tmp_path_factory.mktemp("film")
    make_lossless(root / "film.mkv", moving_texture(150), "30")
    probe_video(root / "film.mkv", root / "info.json", stream=None)
    fetch_weights(NETWORK, 0, root / "weights.pth", root / "weights.json")
    return root


def notes_and_changes(film, folder, **frames):
    """All stages up to the notes, with the config's `frames`."""
    frames = {"video": "film", "frames": FRAMES | frames, "span": WHOLE}
    frames["info_path"] = film / "info.json"
    dump_frames(strict=False, output=folder / "frames.h5", **frames)
    pixels = folder / "pixels.tsv"
    describe_frames(table=pixels, thumbnails=folder / "thumbnails.h5", **frames)
    extract_features(
        frames=folder / "frames.h5",
        weights=film / "weights.pth",
        facts=film / "weights.json",
        network=NETWORK,
        seed=0,
        threads=1,
        features=folder / "features.h5",
    )
    measure_changes(folder / "features.h5", folder / "changes.tsv", metric="correlation")
    output = folder / "quality.tsv"
    check_quality(
        features=folder / "features.h5",
        pixels=pixels,
        changes={"correlation": folder / "changes.tsv"},
        dynamic={},
        ranges={},
        thresholds=THRESHOLDS,
        table=output,
    )
    notes = read_table(output).set_index("note")
    return notes, read_table(folder / "changes.tsv")[NETWORK["layers"]].to_numpy()[1:]


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [1 / 15, 0.1, 1 / 6])
def test_equal_changes_stay_equal_in_even_steps(film, tmp_path, step_s):
    notes, changes = notes_and_changes(film, tmp_path, step_s=step_s)
    assert "uneven_steps" not in notes.index
    pixels = read_table(tmp_path / "pixels.tsv")["pixel_change"][1:]
    assert np.ptp(pixels) == pytest.approx(0, abs=1e-9)
    # The borders, and convolutions of every 4th pixel, see a little of where the texture stands.
    assert (changes.max(axis=0) < 1.45 * changes.min(axis=0)).all()


@pytest.mark.moderate
def test_a_rate_that_does_not_divide_makes_salient_changes_of_long_steps(film, tmp_path):
    """Every 2nd and 3rd frame in turn."""
    notes, changes = notes_and_changes(film, tmp_path, fps=12)
    note = notes.loc["uneven_steps"]
    assert note["level"] == "warning" and note["value"] > 1.5
    assert "rows are 2 or 3 source frames apart" in note["message"]
    assert "100.0% of the changes above the static threshold lie in longer" in note["message"]
    assert (changes.max(axis=0) > 1.8 * changes.min(axis=0)).all()


# Uneven steps by numbers


def uneven(source_frame, changes, static):
    changes = np.vstack([np.full(np.shape(changes)[1], np.nan), changes])
    layers = [f"pool{n}" for n in range(1, changes.shape[1] + 1)]
    return list(uneven_note("cosine", layers, changes, np.array(source_frame), np.array(static)))


SOURCES = np.cumsum([0] + [2, 3] * 20)


def test_the_ratio_is_of_the_worst_layer():
    changes = np.tile([[1.0, 1.0], [1.1, 2.0]], (20, 1))
    changes[1, 0] = 9.0
    (note,) = uneven(SOURCES, changes, [5.0, 1.5])
    assert (note.level, note.value) == ("warning", pytest.approx(2.0))
    assert (
        "pool2" in note.message and "cosine" in note.message and "50.0% of them 3" in note.message
    )
    assert "100.0% of the changes above" in note.message


def test_equal_changes_in_uneven_steps_are_no_warning():
    (note,) = uneven(SOURCES, np.ones((40, 1)), [0.5])
    assert (note.level, note.value) == ("info", 1.0) and "50.0% of the changes" in note.message


def test_a_few_long_steps_are_no_warning():
    sources, changes = np.cumsum([0] + [2] * 37 + [3] * 3), np.r_[np.ones(37), np.full(3, 4.0)]
    (note,) = uneven(sources, changes[:, np.newaxis], [2.0])
    assert (note.level, note.value) == ("info", 4.0)


def test_frames_shown_twice_have_no_ratio():
    sources = np.cumsum([0] + [1, 1, 1, 1, 1, 0] * 5)
    (note,) = uneven(sources, np.ones((30, 1)), [0.5])
    assert note.level == "warning" and np.isnan(note.value)
    assert "rows are 0 or 1 source frames apart, 83.3% of them 1" in note.message


def shown_at_30(rate, n):
    """Source frames of rows at 30 frames/s, of a film that long."""
    source = (Frame(i, i / Fraction(rate), False, None) for i in range(n))
    return np.array([row.source_frame for row in resample(source, 30)])


@pytest.mark.parametrize(
    ("rate", "level", "said"),
    [
        ("60000/1001", "info", "99.8% of the changes above the static threshold lie in longer"),
        ("30000/1001", "info", "rows are 0 or 1 source frames apart, 99.9% of them 1"),
        ("50", "warning", "steps, 66.7% of all changes do"),
        ("25", "warning", "rows are 0 or 1 source frames apart, 83.3% of them 1"),
    ],
)
def test_a_step_in_hundreds_that_is_shorter_is_no_warning(rate, level, said):
    """Of 59.94 frames/s 17 of 8,999 steps in five minutes: `make run` calls that even."""
    sources = shown_at_30(rate, round(300 * Fraction(rate)))
    changes = np.random.default_rng(0).uniform(0.9, 1.1, len(sources) - 1) * np.diff(sources)
    (note,) = uneven(sources, changes[:, np.newaxis], [0.5])
    assert (note.note, note.level) == ("uneven_steps", level) and said in note.message


@pytest.mark.parametrize(("rare", "level"), [(10, "warning"), (9, "info")])
def test_a_hundredth_of_the_steps_is_enough(rare, level):
    sources = np.cumsum(np.r_[0, np.full(1000 - rare, 2), np.full(rare, 3)])
    changes = np.r_[np.ones(1000 - rare), np.full(rare, 2.0)]
    assert uneven(sources, changes[:, np.newaxis], [5.0])[0].level == level
    shown_twice = np.cumsum(np.r_[0, np.ones(1000 - rare), np.zeros(rare)]).astype(int)
    assert uneven(shown_twice, np.ones((1000, 1)), [5.0])[0].level == level


@pytest.mark.parametrize("n", [1, 4])
def test_even_steps_give_no_note(n):
    assert uneven(np.arange(41) * n, np.ones((40, 1)), [0.5]) == []


# A cadence


def convert(change, pattern):
    """Changes with nearly equal pictures put in, where `pattern` is 0."""
    rng, source = np.random.default_rng(1), iter(change)
    places = np.resize(pattern, len(change))
    return np.array([next(source) if place else rng.uniform(0.02, 0.1) for place in places])


def motion(n, seed=0):
    return np.random.default_rng(seed).lognormal(1, 0.4, n)


@pytest.mark.parametrize(
    ("pattern", "period", "count"),
    [
        ([1, 1, 1, 1, 0], 5, 1),
        ([1, 1, 1, 1, 1, 0], 6, 1),
        ([1, 0], 2, 1),
        ([1, 1, 0], 3, 1),
        ([1, 0, 1, 0, 0], 5, 3),
        ([1] * 24 + [0], 25, 1),
    ],
)
def test_conversions_show(pattern, period, count):
    for start in range(len(pattern)):
        found = cadence(convert(motion(620), np.roll(pattern, start)))
        assert found[:2] == (period, count) and found[2] < 0.1


def test_cuts_after_the_conversion_hide_nothing():
    parts = [convert(motion(n, n), np.roll([1, 1, 1, 1, 0], n)) for n in (203, 331, 122, 408)]
    assert cadence(np.concatenate(parts))[:2] == (5, 1)


@pytest.mark.moderate
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.5, 1.2]), st.sampled_from([0.02, 0.5]))
def test_films_without_a_cadence(seed, spread, still):
    """Still and moving parts in turn, with noise of any size, and some exact repeats."""
    rng = np.random.default_rng(seed)
    part = np.repeat(rng.random(20) < still, 40)
    change = np.where(part, 0.05, 4) * rng.lognormal(0, spread, 800)
    change[rng.random(800) < 0.05] = 0
    if spread < 1:
        assert cadence(change) is None
    else:  # Films do not vary as much from frame to frame; nothing breaks.
        cadence(change)


@pytest.mark.parametrize("change", [np.zeros(500), np.full(500, 3.0), motion(15), np.zeros(0)])
def test_stills_and_short_films(change):
    assert cadence(change) is None


def test_key_frames_are_no_cadence():
    change = np.r_[np.nan, np.resize([5.0] + [0.2] * 11, 480)]
    keys = change == 5.0
    assert list(cadence_note(change, keys, np.zeros(481, bool))) == []
    assert list(cadence_note(change, np.zeros(481, bool), np.zeros(481, bool)))


def test_our_own_repeats_are_not_the_sources():
    change = np.r_[np.nan, convert(motion(400), [1, 1, 1, 1, 0])]
    none = np.zeros(401, bool)
    (note,) = cadence_note(change, none, none)
    assert (note.note, note.level) == ("near_duplicates", "warning")
    assert "1 of every 5 pictures nearly equal the one before" in note.message
    repeated = none.copy()
    repeated[7] = True
    assert list(cadence_note(change, none, repeated)) == []


def pixel_change(path, folder):
    probe_video(path, folder / "info.json", stream=None)
    rows = analysed_rows(read_json(folder / "info.json"), FRAMES, WHOLE, Decoding())
    pictures = [row.rgb.astype(int) for row in rows]
    return np.array([np.abs(b - a).mean() for a, b in zip(pictures, pictures[1:], strict=False)])


@pytest.mark.moderate
@pytest.mark.parametrize(("rate", "period"), [("30", 5), ("24", None)])
def test_a_lossy_conversion_that_exact_equality_misses(tmp_path, rate, period):
    """24 to 30 frames/s, in MPEG-4 with the noise of its coding."""
    source = "testsrc2=s=96x72:r=24:d=8,noise=alls=6:allf=t"
    path = tmp_path / "film.mp4"
    ffmpeg("-f", "lavfi", "-i", f"{source},fps={rate}", "-c:v", "mpeg4", "-q:v", "6", path)
    change = pixel_change(path, tmp_path)
    found = cadence(change)
    assert (found and found[0]) == period
    assert np.mean(change == 0) < 0.2 or period is None


def test_periods_are_those_of_usual_conversions():
    assert set(PERIODS) >= {2, 3, 5, 6, 12, 25}
