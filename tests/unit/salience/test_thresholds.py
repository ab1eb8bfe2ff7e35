"""Thresholds from ranges of change."""

import numpy as np
import pytest

from chronovision.errors import UserError
from chronovision.salience.thresholds import change_range, resolve_thresholds

DYNAMIC = {"tmax_scale": 1.0, "tmax": None, "tmin": "min"}
LAYERS = ["pool1", "pool2"]


def settings(**dynamic):
    return {"dynamic": {**DYNAMIC, **dynamic}}


def test_minmax_and_percentiles():
    changes = np.vstack(
        [[np.nan, np.nan], np.column_stack([np.arange(101.0), np.arange(101.0) * 2])]
    )
    low, high = change_range(changes, {"range": "minmax"})
    assert (low.tolist(), high.tolist()) == ([0, 0], [100, 200])
    low, high = change_range(changes, {"range": "percentile", "percentiles": [1, 99]})
    np.testing.assert_allclose([*low, *high], [1, 2, 99, 198])


def test_from_the_range():
    found = resolve_thresholds(
        np.array([1.0, 2]), np.array([3.0, 10]), LAYERS, settings(tmax_scale=1.5)
    )
    assert found.static.tolist() == [2, 6]
    assert found.tmax.tolist() == [3, 9]
    assert found.tmin.tolist() == [1, 2]


def test_fixed_for_all_or_per_layer():
    low, high = np.zeros(2), np.ones(2)
    fixed = settings(tmax={"pool1": 340, "pool2": 400}, tmin=100)
    found = resolve_thresholds(low, high, LAYERS, fixed)
    assert (found.tmax.tolist(), found.tmin.tolist()) == ([340, 400], [100, 100])


def test_a_missing_layer_is_named():
    with pytest.raises(UserError, match="tmax: no value for layer pool2"):
        resolve_thresholds(np.zeros(2), np.ones(2), LAYERS, settings(tmax={"pool1": 1}))


def test_tmin_above_tmax_is_refused():
    with pytest.raises(UserError, match="Tmin = 1 of layer pool1 lies above its Tmax = 0.2"):
        resolve_thresholds(np.ones(1), np.full(1, 3.0), ["pool1"], settings(tmax_scale=0.1))
