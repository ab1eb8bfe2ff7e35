"""The accumulators against plain loops over the published equation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chronovision.accumulators import (
    dynamic_accumulator,
    noise_sd,
    run_accumulator,
    standard_noise,
    static_accumulator,
)
from chronovision.thresholds import Thresholds, resolve_thresholds, time_base

DYNAMIC = {
    "tmax_scale": 1.0,
    "tmax": None,
    "tmin": "min",
    "tau_s": None,
    "tau_frames": 100,
    "noise_divisor": 50,
    "bounded": False,
}


def published_loop(changes, noise, tmax, tmin, tau):
    """Roseboom et al. (2019), one layer: thresholds before resets, and the final count."""
    threshold, since, count, seen = tmax, 0, 0, []
    for change, draw in zip(changes, noise, strict=True):
        threshold = threshold - (tmax - tmin) / tau * math.exp(-since / tau) + draw
        seen.append(threshold)
        if change >= threshold:
            count += 1
            threshold, since = tmax, 0
        else:
            since += 1
    return np.array(seen), count


series = arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 2, width=32))


@given(series, st.integers(0, 2**32 - 1), st.floats(0.5, 2), st.floats(0, 0.5), st.floats(1, 300))
def test_dynamic_equals_the_published_loop(changes, seed, tmax, tmin, tau):
    noise = np.random.default_rng(seed).normal(0, (tmax - tmin) / 50, len(changes))
    expected, count = published_loop(changes, noise, tmax, tmin, tau)
    thresholds, salient = dynamic_accumulator(changes, noise, tmax, tmin, tau)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-12, atol=1e-12)
    assert salient.sum() == count


@given(st.integers(0, 1000))
def test_layers_and_clips_side_by_side_equal_each_alone(seed):
    rng = np.random.default_rng(seed)
    changes, noise = rng.random((60, 3, 4)), rng.normal(0, 0.02, (60, 3, 4))
    tmax, tmin = rng.uniform(0.6, 1, (3, 4)), rng.uniform(0, 0.3, (3, 4))
    thresholds, salient = dynamic_accumulator(changes, noise, tmax, tmin, 20.0)
    for i, j in np.ndindex(3, 4):
        alone, fired = dynamic_accumulator(
            changes[:, i, j], noise[:, i, j], tmax[i, j], tmin[i, j], 20.0
        )
        np.testing.assert_array_equal(thresholds[:, i, j], alone)
        np.testing.assert_array_equal(salient[:, i, j], fired)


def test_published_offline_loop_is_replayed_by_a_leading_zero():
    rng = np.random.default_rng(1)
    changes, noise = rng.random(50), rng.normal(0, 0.01, 51)
    offline = np.concatenate([[0.0], changes])
    expected, count = published_loop(offline, noise, 0.9, 0.1, 10)
    thresholds, salient = dynamic_accumulator(offline, noise, 0.9, 0.1, 10)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-12)
    assert salient.sum() == count


def test_seconds_equal_frames_at_thirty_frames_a_second():
    rng = np.random.default_rng(2)
    changes, time_s = rng.random((301, 2)), np.arange(301) / 30
    noise = rng.standard_normal((300, 2))
    limits = Thresholds(np.full(2, 0.5), np.full(2, 0.9), np.full(2, 0.1))
    in_frames = run_accumulator(changes, time_s, limits, "dynamic", DYNAMIC, noise)
    seconds = {**DYNAMIC, "tau_frames": None, "tau_s": 100 / 30}
    in_seconds = run_accumulator(changes, time_s, limits, "dynamic", seconds, noise)
    np.testing.assert_allclose(in_frames[0], in_seconds[0], rtol=1e-9)
    np.testing.assert_array_equal(in_frames[1], in_seconds[1])


def test_noise_gathered_in_a_second_does_not_depend_on_the_rate():
    limits = Thresholds(np.zeros(1), np.ones(1), np.zeros(1))
    seconds = {**DYNAMIC, "tau_frames": None, "tau_s": 3.33}
    variances = []
    for rate in (12.5, 30.0, 60.0):
        _, dt = time_base(np.arange(0, 64, 1 / rate), seconds)
        variances.append(np.sum(noise_sd(limits, dt, seconds) ** 2) / dt.sum())
    np.testing.assert_allclose(variances, variances[0], rtol=1e-9)


def test_published_noise_fires_without_change_and_the_bounded_variant_does_not():
    """An unbounded random walk fires in 58-80 % of 64 s runs without any change."""
    runs, steps = 400, 64 * 30
    noise = np.random.default_rng(3).normal(0, 1 / 50, (steps, runs))
    still = np.zeros((steps, runs))
    _, walked = dynamic_accumulator(still, noise, 1.0, 0.05, 100.0)
    _, bounded = dynamic_accumulator(still, noise, 1.0, 0.05, 100.0, bounded=True)
    assert 0.5 < walked.any(axis=0).mean() < 0.9
    assert not bounded.any()


def test_first_frame_has_no_count_and_threshold_tmax():
    changes = np.array([[np.nan], [5.0], [5.0]])
    limits = Thresholds(np.array([1.0]), np.array([2.0]), np.array([0.5]))
    threshold, salient = run_accumulator(
        changes, np.arange(3) / 25, limits, "dynamic", DYNAMIC, np.zeros((2, 1))
    )
    assert threshold[0, 0] == 2.0
    assert salient[:, 0].tolist() == [False, True, True]
    assert threshold[1, 0] < 2.0  # what was compared, before the reset
    threshold, salient = run_accumulator(
        changes, np.arange(3) / 25, limits, "static", DYNAMIC, np.zeros((2, 1))
    )
    assert (threshold == 1.0).all() and salient[:, 0].tolist() == [False, True, True]


def test_static_is_strictly_greater():
    assert static_accumulator(np.array([0.4, 0.5, 0.6, np.nan]), 0.5).tolist() == [
        False,
        False,
        True,
        False,
    ]


def test_noise_of_a_layer_does_not_depend_on_the_others():
    both = standard_noise(0, 10, ["pool1", "pool5"], "accumulator", "bikes")
    alone = standard_noise(0, 10, ["pool5"], "accumulator", "bikes")
    np.testing.assert_array_equal(both[:, 1:], alone)
    other = standard_noise(0, 10, ["pool5"], "accumulator", "dog")
    assert not np.array_equal(alone, other)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_layer_that_never_changes_counts_nothing(kind):
    changes = np.vstack([[np.nan], np.zeros((40, 1))])
    settings = {"dynamic": {**DYNAMIC, "bounded": False}}
    limits = resolve_thresholds(np.zeros(1), np.zeros(1), ["pool1"], settings)
    noise = np.random.default_rng(0).standard_normal((40, 1))
    _, salient = run_accumulator(changes, np.arange(41) / 25, limits, kind, DYNAMIC, noise)
    assert not salient.any()
