"""Which part of a picture the network sees, and how it is turned and scaled."""

import numpy as np
import pytest

from support.clips import (
    ffmpeg,
    make_lossless,
    make_ramps,
    turn,
)
from support.decoded import frames_of
from support.tiers import moderate_after


def picture_of(path, size=32, geometry="crop"):
    return frames_of(path, size, geometry)[0].rgb.astype(float)


# In make_ramps the source column of a pixel is its red, the row its green.


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


@pytest.mark.parametrize(("angle", "turns"), moderate_after(1, [(90, 1), (180, 2), (270, 3)]))
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
    moderate_after(
        2, [(65, 49), (49, 65), (17, 400), (400, 17), (31, 31), (97, 96), (33, 32), (639, 359)]
    ),
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
