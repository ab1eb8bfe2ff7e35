"""The accumulators against plain loops over the published equation, and against its integral."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chronovision.salience.accumulators import (
    noise_sd,
    run_accumulator,
    static_accumulator,
)
from chronovision.salience.decay import (
    FrameDecay,
    SecondsDecay,
    dynamic_accumulator_frames,
    dynamic_accumulator_seconds,
)
from chronovision.salience.thresholds import Thresholds, resolve_thresholds
from support.published_rule import by_frames, by_seconds
from support.tiers import moderate_after

DYNAMIC = {
    "tmax_scale": 1.0,
    "tmax": None,
    "tmin": "min",
    "tau_s": None,
    "tau_frames": 100,
    "noise_divisor": 50,
    "bounded": False,
}


SECONDS = {**DYNAMIC, "tau_frames": None, "tau_s": 3.33}

series = arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 2, width=32))
tops, bottoms = st.floats(0.5, 2), st.floats(0, 0.5)


@given(series, st.integers(0, 2**32 - 1), tops, bottoms, st.floats(1, 300))
def test_frames_equal_the_published_loop(changes, seed, tmax, tmin, tau):
    noise = np.random.default_rng(seed).normal(0, (tmax - tmin) / 50, len(changes))
    expected, fired = by_frames(changes, noise, tmax, tmin, tau)
    thresholds, salient = dynamic_accumulator_frames(changes, noise, tmax, tmin, tau)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-12, atol=1e-12)
    assert np.flatnonzero(salient).tolist() == fired


def test_published_steps_by_hand():
    """Tmax 1, Tmin 0, τ 10: D is 0 at step 0, 1 at step 1 and at the step after a reset."""
    changes = [0, 0, 5, 0, 0]
    thresholds, salient = dynamic_accumulator_frames(changes, np.zeros(5), 1.0, 0.0, 10)
    fall = [math.exp(-d / 10) / 10 for d in range(3)]
    by_hand = [
        1 - fall[0],
        1 - fall[0] - fall[1],
        1 - sum(fall),
        1 - fall[1],
        1 - fall[1] - fall[2],
    ]
    np.testing.assert_allclose(thresholds, by_hand, rtol=1e-15)
    assert salient.tolist() == [False, False, True, False, False]


@given(st.integers(0, 2**32 - 1), tops, bottoms, st.floats(0.05, 30), st.booleans())
@settings(max_examples=30, deadline=None)
def test_seconds_equal_the_integral_of_the_decay(seed, tmax, tmin, tau, bounded):
    rng = np.random.default_rng(seed)
    changes, dt_s = rng.uniform(0.05, 2, 150), rng.choice([1 / 60, 1 / 30, 1 / 24, 0.5, 3.0], 150)
    noise = rng.normal(0, (tmax - tmin) / 50, len(changes))
    time_s = np.concatenate([[0.0], np.cumsum(dt_s)])
    expected, fired = by_seconds(changes, noise, time_s, tmax, tmin, tau, bounded)
    thresholds, salient = dynamic_accumulator_seconds(
        changes, noise, dt_s, tmax, tmin, tau, bounded
    )
    np.testing.assert_allclose(thresholds, expected, rtol=1e-7, atol=1e-7)
    assert np.flatnonzero(salient).tolist() == fired


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-4, 1e4)),
    st.floats(0, 1),
    st.floats(0, 1e-3),
    st.floats(0.01, 1000),
)
def test_without_noise_the_threshold_stays_above_tmin_whatever_the_gaps(dt_s, tmin, reach, tau):
    steps = np.zeros(len(dt_s))
    thresholds, salient = dynamic_accumulator_seconds(steps, steps, dt_s, tmin + reach, tmin, tau)
    assert (thresholds >= tmin).all()
    assert not salient.any() or tmin + reach == 0


def test_a_least_change_is_not_reached_without_noise():
    """Tmin = Fmin: the threshold comes near the least change, but never down to it."""
    steps, noise = np.full(500, 0.3), np.zeros(500)
    thresholds, salient = dynamic_accumulator_seconds(steps, noise, noise + 10.0, 0.9, 0.3, 1.0)
    assert thresholds[-1] == pytest.approx(0.3, rel=1e-15) and not salient.any()


def test_seconds_are_the_published_rule_at_thirty_frames_a_second_but_for_half_a_step():
    still = np.zeros(3000)
    published, _ = dynamic_accumulator_frames(still, still, 0.9, 0.1, 100)
    timed, _ = dynamic_accumulator_seconds(still, still, still + 1 / 30, 0.9, 0.1, 100 / 30)
    assert np.abs(timed - published).max() <= 0.006 * (0.9 - 0.1)


@pytest.mark.moderate
@given(st.integers(0, 1000))
def test_layers_and_clips_side_by_side_equal_each_alone(seed):
    rng = np.random.default_rng(seed)
    changes, noise = rng.random((60, 3, 4)), rng.normal(0, 0.02, (60, 3, 4))
    tmax, tmin = rng.uniform(0.6, 1, (3, 4)), rng.uniform(0, 0.3, (3, 4))
    dt_s = rng.uniform(0.01, 0.1, 60)
    together = {
        "frames": dynamic_accumulator_frames(changes, noise, tmax, tmin, 20.0),
        "seconds": dynamic_accumulator_seconds(changes, noise, dt_s, tmax, tmin, 1.0),
    }
    for i, j in np.ndindex(3, 4):
        one, limits = (changes[:, i, j], noise[:, i, j]), (tmax[i, j], tmin[i, j])
        alone = {
            "frames": dynamic_accumulator_frames(*one, *limits, 20.0),
            "seconds": dynamic_accumulator_seconds(*one, dt_s, *limits, 1.0),
        }
        for clock, (thresholds, salient) in together.items():
            np.testing.assert_array_equal(thresholds[:, i, j], alone[clock][0])
            np.testing.assert_array_equal(salient[:, i, j], alone[clock][1])


@pytest.mark.parametrize("bounded", [False, True])
def test_runs_go_on_where_the_last_block_ended(bounded):
    rng = np.random.default_rng(4)
    changes, noise = rng.random((90, 2)), rng.normal(0, 0.02, (90, 2))
    dt_s = rng.uniform(0.01, 0.5, 90)
    for make in (FrameDecay, SecondsDecay):
        whole = make(0.9, 0.1, 5.0, bounded).run(changes, noise, dt_s)
        decay, cuts = make(0.9, 0.1, 5.0, bounded), (0, 1, 1, 40, 90)
        blocks = [slice(*pair) for pair in zip(cuts, cuts[1:], strict=False)]
        parts = [decay.run(changes[block], noise[block], dt_s[block]) for block in blocks]
        for found, expected in zip(zip(*parts, strict=True), whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(found), expected)


@pytest.mark.parametrize("clock", ["frames", "seconds"])
def test_a_missing_change_never_fires_and_its_step_counts(clock):
    changes, noise = np.array([0.0, np.nan, 0.0, 0.0]), np.zeros(4)
    both = []
    for series in (changes, np.zeros(4)):
        if clock == "frames":
            both.append(dynamic_accumulator_frames(series, noise, 1.0, 0.0, 4))
        else:
            both.append(dynamic_accumulator_seconds(series, noise, noise + 1, 1.0, 0.0, 4))
    np.testing.assert_array_equal(both[0][0], both[1][0])
    assert not both[0][1].any()


def test_published_offline_loop_is_replayed_by_a_leading_zero():
    """It steps through its first frame, whose distance is 0: one draw and one decay more."""
    rng = np.random.default_rng(1)
    changes, noise = rng.random(50), rng.normal(0, 0.01, 51)
    expected, fired = by_frames([0.0, *changes], noise, 0.9, 0.1, 10)
    offline = np.concatenate([[0.0], changes])
    thresholds, salient = dynamic_accumulator_frames(offline, noise, 0.9, 0.1, 10)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-12)
    assert np.flatnonzero(salient).tolist() == fired and len(fired) > 3


@pytest.mark.parametrize("settings", [DYNAMIC, SECONDS], ids=["frames", "seconds"])
def test_a_video_is_run_on_the_clock_that_the_config_names(settings):
    rng = np.random.default_rng(2)
    changes, time_s = rng.random((301, 1)), np.cumsum(rng.uniform(0.01, 0.1, 301))
    noise = rng.standard_normal((300, 1))
    limits = Thresholds(np.array([0.5]), np.array([0.9]), np.array([0.1]))
    _, salient = run_accumulator(changes, time_s, limits, settings, noise)
    steps, draws = changes[1:, 0], noise[:, 0] * 0.8 / 50
    if settings is DYNAMIC:
        _, fired = by_frames(steps, draws, 0.9, 0.1, 100)
    else:
        scaled = draws * np.sqrt(30 * np.diff(time_s))
        _, fired = by_seconds(steps, scaled, time_s, 0.9, 0.1, 3.33)
    assert (np.flatnonzero(salient[:, 0]) - 1).tolist() == fired


def test_noise_gathered_in_a_second_does_not_depend_on_the_rate():
    limits = Thresholds(np.zeros(1), np.ones(1), np.zeros(1))
    variances = []
    for rate in (12.5, 30.0, 60.0):
        dt_s = np.full(int(64 * rate), 1 / rate)
        variances.append(np.sum(noise_sd(limits, dt_s, SECONDS) ** 2) / dt_s.sum())
    np.testing.assert_allclose(variances, variances[0], rtol=1e-9)


#: Of conv2, pool5, fc7 and prob: Tmax and Tmin as published, and the shares of 40,000 runs without
#: change that fired, and that fired three times or more.
PUBLISHED = [
    (340, 100, 0.613, 0.112),
    (400, 100, 0.670, 0.179),
    (35, 5, 0.781, 0.367),
    (0.55, 0.15, 0.644, 0.138),
]


@pytest.mark.parametrize("tmax, tmin, fired, thrice", moderate_after(1, PUBLISHED))
def test_published_noise_fires_without_change_and_the_bounded_variant_does_not(
    tmax, tmin, fired, thrice
):
    """In 64 s at 30 frames/s."""
    runs, steps = 4000, 64 * 30
    noise = np.random.default_rng(3).normal(0, (tmax - tmin) / 50, (steps, runs))
    still = np.zeros((steps, runs))
    _, walked = dynamic_accumulator_frames(still, noise, tmax, tmin, 100)
    _, bounded = dynamic_accumulator_frames(still, noise, tmax, tmin, 100, bounded=True)
    counts = walked.sum(axis=0)
    assert (counts > 0).mean() == pytest.approx(fired, abs=0.03)
    assert (counts >= 3).mean() == pytest.approx(thrice, abs=0.03)
    assert not bounded.any()


def test_first_frame_has_no_count_and_threshold_tmax():
    changes = np.array([[np.nan], [5.0], [5.0]])
    limits = Thresholds(np.array([1.0]), np.array([2.0]), np.array([0.5]))
    threshold, salient = run_accumulator(
        changes, np.arange(3) / 25, limits, DYNAMIC, np.zeros((2, 1))
    )
    assert threshold[0, 0] == 2.0
    assert salient[:, 0].tolist() == [False, True, True]
    assert threshold[1, 0] < 2.0  # what was compared, before the reset
    threshold, salient = run_accumulator(changes, np.arange(3) / 25, limits)
    assert (threshold == 1.0).all() and salient[:, 0].tolist() == [False, True, True]


def test_static_is_strictly_greater():
    assert static_accumulator(np.array([0.4, 0.5, 0.6, np.nan]), 0.5).tolist() == [
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_layer_that_never_changes_counts_nothing(kind):
    noise = np.random.default_rng(0).standard_normal((4000, 1))
    for change, dynamic in itertools.product([0.0, 0.3], [DYNAMIC, SECONDS]):
        changes = np.vstack([[np.nan], np.full((4000, 1), change)])
        extremes = np.full((2, 1), change)
        limits = resolve_thresholds(*extremes, ["pool1"], {"dynamic": dynamic})
        rule = (dynamic, noise) if kind == "dynamic" else ()
        _, salient = run_accumulator(changes, np.arange(4001) / 25, limits, *rule)
        assert not salient.any()
