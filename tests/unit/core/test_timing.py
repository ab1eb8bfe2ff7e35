"""Intervals, rates and durations of frame times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronovision.core.timing import (
    has_variable_rate,
    median_interval,
    nominal_interval,
    span_duration,
)

RATES = st.sampled_from([8.0, 12.5, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0])


@settings(deadline=None)
@given(RATES, st.integers(2, 500))
def test_steady_series(rate, n):
    time_s = np.arange(n) / rate
    assert median_interval(time_s) == pytest.approx(1 / rate)
    assert nominal_interval(time_s) == pytest.approx(1 / rate)
    assert span_duration(time_s) == pytest.approx(n / rate)
    assert not has_variable_rate(time_s)


@settings(deadline=None)
@given(RATES, st.integers(100, 500))
def test_rounding_to_milliseconds_is_no_variable_rate(rate, n):
    time_s = np.round(np.arange(n) / rate, 3)
    assert not has_variable_rate(time_s)
    assert nominal_interval(time_s) == pytest.approx(1 / rate, rel=1e-3)


def test_the_median_of_rounded_times_is_off_where_the_nominal_interval_is_not():
    time_s = np.round(np.arange(300) / 29.97, 3)
    assert median_interval(time_s) == pytest.approx(0.033)
    assert 1 / nominal_interval(time_s) == pytest.approx(29.97, abs=0.01)


@settings(deadline=None)
@given(RATES, st.integers(10, 100), st.integers(2, 8), st.floats(1.5, 50))
def test_a_gap_is_a_variable_rate_but_not_another_rate(rate, n, where, factor):
    time_s = np.arange(n) / rate
    time_s[where:] += factor / rate
    assert has_variable_rate(time_s)
    assert nominal_interval(time_s) == pytest.approx(1 / rate)
    assert span_duration(time_s) == pytest.approx((n + factor) / rate)


def test_two_frames():
    time_s = np.array([0.0, 0.04])
    assert span_duration(time_s) == pytest.approx(0.08)
    assert nominal_interval(time_s) == pytest.approx(0.04)
    assert not has_variable_rate(time_s)


@settings(deadline=None)
@given(
    st.sampled_from([(23.976, 59.94), (24, 60), (25, 60), (24, 30), (25, 30), (24, 50), (15, 24)]),
    st.integers(200, 600),
    st.floats(0, 1),
    st.booleans(),
)
def test_a_rate_on_a_coarser_clock(rates, n, phase, rounded):
    """Pictures are shown at the next tick: intervals of k and k + 1 ticks in turn, one rate."""
    rate, clock = rates
    time_s = np.floor(np.arange(n) * (clock / rate) + phase) / clock
    time_s = np.round(time_s, 3) if rounded else time_s
    assert 1 / nominal_interval(time_s) == pytest.approx(rate, rel=2e-3)
    assert has_variable_rate(time_s)
    if clock >= 2 * rate:  # else a frame that is missing leaves an interval like the others
        with_gaps = np.delete(time_s, np.arange(20, n - 1, 41))
        assert 1 / nominal_interval(with_gaps) == pytest.approx(rate, rel=2e-3)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(200, 2000), st.sampled_from([0.05, 0.2, 0.5]))
def test_intervals_of_two_kinds_at_random_are_not_one_rate(seed, n, share):
    """As of a recorder of the screen, or where frames are dropped when a disk is busy."""
    ticks = 2 + (np.random.default_rng(seed).random(n) < share)
    ticks[:30] = 2
    time_s = np.cumsum(ticks) / 60
    middle = np.quantile(ticks[1:], 0.5, method="lower")
    assert 60 * nominal_interval(time_s) == pytest.approx(middle)
    assert has_variable_rate(time_s)


def test_a_rate_that_changes_once_is_not_the_mean_of_both():
    time_s = np.cumsum(np.repeat([2, 3], [300, 200])) / 60
    assert 1 / nominal_interval(time_s) == pytest.approx(30)
    assert has_variable_rate(time_s)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_of_few_intervals_of_two_kinds_the_shorter_is_the_regular_one(n):
    """Between them lies a mean that is near neither, and so few need not take turns."""
    time_s = np.cumsum([0, *np.tile([2, 3], n)]) / 60
    assert nominal_interval(time_s) == pytest.approx(2 / 60)
    assert has_variable_rate(time_s)


def test_a_span_may_begin_later():
    time_s = 7.25 + np.arange(10) / 10
    assert span_duration(time_s) == pytest.approx(1.0)
