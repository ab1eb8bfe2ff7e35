"""Change from moments against scipy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import distance
from scipy.stats import pearsonr

from chronovision.core.constant_frames import constant_frames
from chronovision.salience.changes import change_series


def moments(x):
    """Mean, s.d. and summed squared steps of (n, units) activations, as features.h5 has them."""
    step_sq = np.concatenate([[np.nan], np.sum(np.diff(x, axis=0) ** 2, axis=1)])
    return x.mean(axis=1), x.std(axis=1), step_sq, x.shape[1]


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1e-3, 1.0]), st.integers(3, 400))
def test_against_scipy(seed, moved, units):
    rng = np.random.default_rng(seed)
    x = rng.random((1, units)) * 50 + np.cumsum(rng.normal(0, moved, (6, units)), axis=0)
    expected = {
        "correlation": [1 - pearsonr(a, b).statistic for a, b in zip(x, x[1:], strict=False)],
        "cosine": [distance.cosine(a, b) for a, b in zip(x, x[1:], strict=False)],
        "euclidean": [distance.euclidean(a, b) for a, b in zip(x, x[1:], strict=False)],
    }
    for metric, values in expected.items():
        found = change_series(metric, *moments(x))
        assert np.isnan(found[0])
        np.testing.assert_allclose(found[1:], values, rtol=1e-5, atol=1e-10)


def test_nearly_identical_frames_do_not_cancel():
    rng = np.random.default_rng(0)
    base, d = rng.random(10_000), rng.normal(0, 1e-8, 10_000)
    found = change_series("correlation", *moments(np.stack([base, base + d])))[1]
    centred = d - d.mean()
    along = centred @ (base - base.mean()) / np.linalg.norm(base - base.mean())
    expected = (centred @ centred - along**2) / (2 * base.var() * len(base))
    assert found == pytest.approx(expected, rel=1e-2)
    assert 0 < found < 1e-15


def test_constant_frames():
    flat, other = np.full(9, 3.0), np.full(9, 4.0)
    busy = np.arange(9.0)
    x = np.stack([flat, flat, other, busy, flat])
    assert change_series("correlation", *moments(x))[1:].tolist() == [0, 0, 1, 1]
    assert constant_frames(*moments(x)[:2]).tolist() == [True, True, True, False, True]


def test_zero_norms_under_cosine():
    x = np.stack([np.zeros(4), np.zeros(4), np.ones(4), np.zeros(4)])
    assert change_series("cosine", *moments(x))[1:].tolist() == [0, 1, 1]


def test_opposite_and_scaled_frames():
    x = np.stack([np.arange(5.0), -np.arange(5.0), -7 * np.arange(5.0)])
    np.testing.assert_allclose(change_series("correlation", *moments(x))[1:], [2, 0], atol=1e-12)
    np.testing.assert_allclose(change_series("cosine", *moments(x))[1:], [2, 0], atol=1e-12)
