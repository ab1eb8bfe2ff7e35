"""Facts of single frames, thumbnails and exported images."""

import io

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays
from PIL import Image

from chronovision.confounds.pixels import COLUMNS, describe_frames, pixel_facts
from chronovision.core.files import read_json
from chronovision.core.tables import read_table
from chronovision.errors import UserError
from chronovision.videos.frames import dump_frames
from chronovision.videos.images import export_images
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import make_clip, make_lossless
from support.tiers import moderate_after

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = Span()
PICTURES = arrays.arrays(np.uint8, (4, 5, 3))


@settings(deadline=None)
@given(PICTURES, PICTURES)
def test_facts_against_numpy(previous, rgb):
    red, green, blue = rgb.astype(float).transpose(2, 0, 1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    brightness, contrast, change = pixel_facts(previous, rgb)
    assert brightness == pytest.approx(luma.mean(), abs=1e-9)
    assert contrast == pytest.approx(np.sqrt(((luma - luma.mean()) ** 2).mean()), abs=1e-9)
    assert change == pytest.approx(np.abs(rgb.astype(float) - previous.astype(float)).mean())


@settings(deadline=None)
@given(PICTURES)
def test_the_first_frame_and_a_duplicate(rgb):
    assert np.isnan(pixel_facts(None, rgb)[2])
    assert pixel_facts(rgb.copy(), rgb)[2] == 0


@pytest.mark.parametrize(("grey", "brightness"), [(0, 0), (128, 128), (255, 255)])
def test_one_grey_has_its_brightness_and_no_contrast(grey, brightness):
    facts = pixel_facts(None, np.full((8, 8, 3), grey, np.uint8))
    assert facts[:2] == pytest.approx((brightness, 0), abs=1e-9)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    """Facts of a lossless clip: noise, a black and a grey frame, a duplicate."""
    folder = tmp_path_factory.mktemp("clips")
    pictures = np.random.default_rng(1).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    pictures[5], pictures[6], pictures[10] = 0, 77, pictures[9]
    path = make_lossless(folder / "noise.mkv", pictures)
    probe_video(str(path), folder / "noise.json", stream=None)
    return folder / "noise.json"


def describe(info, folder, span=WHOLE, **settings):
    outputs = folder / "noise.tsv", folder / "noise.thumbnails.h5"
    describe_frames(
        info_path=info,
        video="noise",
        frames=SETTINGS | settings,
        span=span,
        table=outputs[0],
        thumbnails=outputs[1],
    )
    return outputs


def dumped(info, folder, span=WHOLE, **settings):
    output = folder / "noise.h5"
    settings = SETTINGS | settings
    dump_frames(
        info_path=info, video="noise", frames=settings, span=span, strict=False, output=output
    )
    with h5py.File(output) as file:
        return {name: data[:] for name, data in file.items()}


@pytest.mark.parametrize(
    ("span", "settings"),
    moderate_after(
        1,
        [
            (WHOLE, {}),
            (Span(0.5, 1.5), {"every": 2}),
            (WHOLE, {"fps": 18}),
            (WHOLE, {"geometry": "pad"}),
        ]
        + [(Span(0.5, None), {"step_s": 0.15})],
    ),
)
def test_the_table_is_of_the_same_frames_as_the_features(info, tmp_path, span, settings):
    path, _ = describe(info, tmp_path, span, **settings)
    table, frames = read_table(path), dumped(info, tmp_path, span, **settings)
    assert list(table) == list(COLUMNS) and len(table) == len(frames["rgb"])
    assert list(table["frame"]) == list(range(len(table)))
    for name in ("source_frame", "time_s", "key_frame", "repeated"):
        np.testing.assert_array_equal(table[name], frames[name])
    before = [None, *frames["rgb"]]
    facts = [pixel_facts(*pair) for pair in zip(before, frames["rgb"], strict=False)]
    np.testing.assert_array_equal(table[["brightness", "contrast", "pixel_change"]], facts)


def test_black_grey_and_duplicate_show(info, tmp_path):
    table = read_table(describe(info, tmp_path)[0])
    assert table.loc[5, ["brightness", "contrast"]].tolist() == pytest.approx([0, 0], abs=1e-9)
    assert table.loc[6, ["brightness", "contrast"]].tolist() == pytest.approx([77, 0], abs=1e-9)
    assert table["pixel_change"].eq(0).to_numpy().nonzero()[0].tolist() == [10]
    assert pd.isna(table.loc[0, "pixel_change"])


def test_sidecar(info, tmp_path):
    path, _ = describe(info, tmp_path)
    about = read_json(path.with_suffix(".json"))
    assert set(about["columns"]) == set(COLUMNS)
    assert "noise" in about["provenance"]["videos"]
    assert about["provenance"]["steps"]["describe_frames"]["size"] == 32


@pytest.mark.parametrize("fps", [4, 5, 7.5, 8, 12, 24, 30])
def test_a_thumbnail_in_any_half_second(info, tmp_path, fps):
    path, thumbnails = describe(info, tmp_path, fps=fps)
    times = read_table(path)["time_s"].to_numpy()
    with h5py.File(thumbnails) as file:
        frame, time_s = file["frame"][:], file["time_s"][:]
    np.testing.assert_array_equal(time_s, times[frame])
    assert time_s[0] == 0 and times[-1] - time_s[-1] <= 0.5
    assert np.diff(time_s).max() <= 0.5 + 1e-9
    assert np.diff(time_s).min() >= 0.25 - 1e-9, "not more than four a second"


def test_thumbnails_show_the_frames(tmp_path):
    source = make_clip(tmp_path / "c.mp4", "testsrc2=s=112x112:r=12:d=1")
    probe_video(str(source), tmp_path / "c.json", stream=None)
    _, thumbnails = describe(tmp_path / "c.json", tmp_path, size=112)
    rgb = dumped(tmp_path / "c.json", tmp_path, size=112)["rgb"]
    with h5py.File(thumbnails) as file:
        assert len(file["jpeg"]) == len(file["frame"])
        for frame, jpeg in zip(file["frame"][:], file["jpeg"][:], strict=True):
            picture = Image.open(io.BytesIO(bytes(jpeg)))
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (112, 112), "RGB")
            assert np.abs(np.asarray(picture, float) - rgb[frame]).mean() < 10


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exported_images(info, tmp_path, suffix):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "of_the_run_before.jpg").touch()
    settings = SETTINGS | {"every": 2}
    span = Span(0.5, None)
    export_images(info_path=info, frames=settings, span=span, suffix=suffix, folder=folder)
    rgb = dumped(info, tmp_path, span, every=2)["rgb"]
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{frame:06d}.{suffix}" for frame in range(len(rgb))
    ]
    for frame, expected in enumerate(rgb):
        picture = np.asarray(Image.open(folder / f"{frame:06d}.{suffix}"), float)
        assert np.abs(picture - expected).max() == 0 or suffix == "jpg"
        # JPEG halves the resolution of colour, but keeps luma.
        assert np.abs((picture - expected) @ [0.299, 0.587, 0.114]).mean() < 10


def test_nothing_is_left_of_a_failure(info, tmp_path):
    with pytest.raises(UserError):
        describe(info, tmp_path, Span(99.0))
    with pytest.raises(UserError):
        export_images(
            info_path=info,
            frames=SETTINGS,
            span=Span(99.0, None),
            suffix="png",
            folder=tmp_path / "i",
        )
    assert list(tmp_path.iterdir()) == []
