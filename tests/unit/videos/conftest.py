"""Clips that tests of videos share."""

import pytest

from support.clips import (
    H264,
    damage,
    make_clip,
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def plain(clips):
    return make_clip(clips / "plain.mp4")


@pytest.fixture(scope="module")
def damaged(clips):
    source = make_clip(
        clips / "noisy.mp4", "testsrc2=s=128x96:r=12:d=3,noise=alls=60:allf=t", *H264
    )
    return damage(source, clips / "damaged.mp4")


@pytest.fixture(scope="module")
def cover(clips):
    return make_clip(clips / "cover.png", "color=red:s=200x200:d=1", "-frames:v", "1")
