"""Variants: their names, their labels, and files told apart by them."""

from itertools import product
from pathlib import Path

import pytest

from chronovision.core.keys import by_variant_and_video, by_variant_folder, by_variant_stem
from chronovision.core.labels import variant_label
from chronovision.core.metrics import METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.core.variants import Variant

VARIANTS = [Variant(*names) for names in product(METRICS, THRESHOLD_KINDS)]


def test_a_variant_is_read_from_its_name():
    assert [Variant.parse(str(variant)) for variant in VARIANTS] == VARIANTS
    assert f"clips/{VARIANTS[0]}.tsv" == "clips/correlation.static.tsv"


@pytest.mark.parametrize("name", ["correlation", "correlation.static.tsv", ""])
def test_another_name_is_none_of_a_variant(name):
    with pytest.raises(ValueError, match="unpack"):
        Variant.parse(name)


def test_files_are_told_apart_by_the_variant_in_their_paths():
    clips = [Path(f"clips/{variant}.tsv") for variant in VARIANTS]
    assert by_variant_stem(clips) == dict(zip(VARIANTS, clips, strict=True))
    segments = [Path(f"segments/{variant}/a.b.tsv") for variant in VARIANTS]
    assert by_variant_folder(segments) == dict(zip(VARIANTS, segments, strict=True))
    assert list(by_variant_and_video(segments)) == [(variant, "a.b") for variant in VARIANTS]


def test_each_variant_has_its_own_label():
    assert variant_label(VARIANTS[0]) == "1 − Pearson r, static threshold"
    assert len({variant_label(variant) for variant in VARIANTS}) == len(VARIANTS)
