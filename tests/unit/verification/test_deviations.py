"""How far off numbers are."""

import numpy as np
import pytest

from chronovision.core.metrics import METRICS
from chronovision.verification.checks import Tally
from chronovision.verification.features import FrameChange
from chronovision.verification.tables import compare_tables

# Deviations


def test_every_metric_is_defined_again_from_activations():
    x, y = np.random.default_rng(0).normal(size=(2, 4, 9))
    assert FrameChange.between(1, "x", x, y).values.keys() == METRICS.keys()


def test_constant_frames_are_no_false_alarm():
    """1 − r of constant frames is set to 0 or 1; rounding makes it anything."""
    rng = np.random.default_rng(0)
    flat, varied = np.full((4, 9), 0.3), rng.normal(size=(4, 9))
    nearly = flat + 1e-17 * varied
    assert FrameChange.between(1, "x", flat, flat).deviation("correlation", 0.0) < 1e-12
    for one, other in ((flat, varied), (varied, flat), (flat, nearly), (nearly, nearly[::-1])):
        for stored in (0.0, 1.0):
            assert FrameChange.between(1, "x", one, other).deviation("correlation", stored) < 1e-12
    zero = np.zeros((4, 9))
    for one, other, stored in ((zero, zero, 0.0), (zero, varied, 1.0), (varied, zero, 1.0)):
        change = FrameChange.between(1, "x", one, other)
        assert change.values["cosine"] == pytest.approx(stored)
        for metric in ("correlation", "cosine"):
            assert change.deviation(metric, stored) == 0
    assert FrameChange.between(1, "x", zero, zero).deviation("euclidean", 0.0) == 0
    assert FrameChange.between(1, "x", zero, zero).deviation("euclidean", 1e-9) == np.inf


def test_a_relative_error_of_the_activations_is_the_deviation_it_makes():
    """Rounding by ε moves every metric by about ε, however small the change."""
    rng = np.random.default_rng(1)
    y = rng.normal(0.5, 1, (16, 49))
    for moved in (1e-6, 1e-3, 1.0):
        x = y + moved * rng.normal(size=y.shape)
        rounded = x * (1 + 1e-5 * rng.normal(size=x.shape))
        true, stored = FrameChange.between(1, "x", y, x), FrameChange.between(1, "x", y, rounded)
        for metric in METRICS:
            assert true.deviation(metric, stored.values[metric]) < 2e-5
            assert true.deviation(metric, true.values[metric]) == 0
            largest = METRICS[metric].largest
            assert largest is None or true.deviation(metric, largest * 1.01) == np.inf
            assert true.deviation(metric, np.nan) == np.inf or largest is None
            assert true.deviation(metric, 5e3) > 1


def test_nan_is_infinitely_far_off():
    tally = Tally(0.1)
    tally.add([0.05, np.nan, 0.2], "value {}", [1.0, 2.0, 3.0], [1.05, 3.0, 3.2])
    assert (tally.count, tally.wrong, tally.worst) == (3, 2, np.inf)
    assert str(tally).endswith("value 1 is 2 instead of 3")


def compared(tmp_path, stored, made):
    for name, text in (("stored.tsv", stored), ("made.tsv", made)):
        (tmp_path / name).write_text(text)
    tally = Tally(1e-9)
    compare_tables(tmp_path / "stored.tsv", tmp_path / "made.tsv", tally)
    return tally


@pytest.mark.parametrize(
    ("stored", "made", "wrong"),
    [
        ("a\tb\n1\tx\n", "a\tb\n1\tx\n", 0),
        ("a\n0.1\n2.0\n", "a\n0.10000000000000002\n2\n", 0),
        ("a\n1e-20\n1\n", "a\n0\n1\n", 0),
        ("a\n0.1\n2.0\n", "a\n0.100001\n2\n", 1),
        ("a\nn/a\n", "a\n1\n", 1),
        ("a\n1\n", "a\nn/a\n", 1),
        ("a\nx\n", "a\ny\n", 1),
        ("a\n1\n", "a\n1\n2\n", 1),
        ("a\n1\n", "b\n1\n", 1),
        ("a\n", "a\n", 0),
    ],
)
def test_cells_of_tables(tmp_path, stored, made, wrong):
    tally = compared(tmp_path, stored, made)
    assert tally.wrong == wrong
    assert (tally.worst == 0) == (stored == made)
