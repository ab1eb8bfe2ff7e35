"""Intervals, rates and durations of frame times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronovision.timing import (
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


def test_alternating_intervals_are_a_variable_rate():
    """A film of 24 frames/s shown at 60 fields/s: intervals of 2 and 3 sixtieths."""
    time_s = np.cumsum(np.tile([2, 3], 30)) / 60
    assert has_variable_rate(time_s)


@pytest.mark.parametrize("n", [1, 2, 15, 16])
def test_of_two_intervals_equally_common_the_shorter_is_the_regular_one(n):
    """Between them lies a mean that is near neither."""
    time_s = np.cumsum([0, *np.tile([2, 3], n)]) / 60
    assert nominal_interval(time_s) == pytest.approx(2 / 60)
    assert has_variable_rate(time_s)


def test_a_span_may_begin_later():
    time_s = 7.25 + np.arange(10) / 10
    assert span_duration(time_s) == pytest.approx(1.0)
