"""Scores, and what they should be of controls and other estimators."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import linregress
from sklearn import metrics

from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.duration.clip_set import read_clip_set
from chronovision.duration.controls import conditions, constant_rate_counts
from chronovision.duration.folds import predict_folds, split_folds
from chronovision.duration.scores import score
from chronovision.salience.thresholds import pool_ranges
from support.fits import PERCENTILES, fit, look_up
from support.sets import THRESHOLDS, MadeSet, made_changes

seconds = st.floats(0.5, 100)


@given(st.integers(2, 30).flatmap(lambda n: arrays(float, (2, n), elements=seconds)))
def test_scores_equal_sklearn_and_scipy(pair):
    real, predicted = pair
    values = score(real, predicted)
    assert values["rmse_s"] == pytest.approx(metrics.root_mean_squared_error(real, predicted))
    assert values["mae_s"] == pytest.approx(metrics.mean_absolute_error(real, predicted))
    relative = metrics.mean_absolute_percentage_error(real, predicted)
    assert values["relative_error"] == pytest.approx(relative)
    if np.ptp(real) < 1e-3:
        return
    line = linregress(real, predicted)
    assert values["r2"] == pytest.approx(metrics.r2_score(real, predicted))
    assert values["slope"] == pytest.approx(line.slope, rel=1e-6, abs=1e-6)
    assert values["intercept_s"] == pytest.approx(line.intercept, rel=1e-6, abs=1e-4)


def test_scores_of_equal_durations_are_missing():
    values = score(np.full(3, 2.0), np.array([1.0, 2.0, 4.0]))
    assert np.isnan([values["r2"], values["slope"], values["intercept_s"]]).all()
    assert values["mae_s"] == 1.0


def test_controls_say_what_they_should(few):
    table = read_table(few[1][1])
    assert look_up(table, "r2", "mean_duration") < 0.01
    assert look_up(table, "r2", "frame_count") > 0.9999
    assert look_up(table, "r2", "constant_rate") > 0.99
    # independent changes have no order in time that permuting could destroy
    assert look_up(table, "r2", "permuted") == pytest.approx(look_up(table, "r2"), abs=0.05)


def test_the_constant_rate_is_the_mean_rate_of_training(few):
    _, clips = read_clip_set(*few[0])
    train = clips.group != "v00"
    rate = clips.counts[train, 1].sum() / clips.duration_s[train].sum()
    expected = [int(duration * rate) for duration in clips.duration_s]
    np.testing.assert_array_equal(constant_rate_counts(clips, train)[:, 1], expected)


@pytest.mark.slow
def test_duration_is_nearly_free(tmp_path):
    """Independent changes through the dynamic rule predict clock time: SVR and ridge alike."""
    made = MadeSet(tmp_path, layers=["pool1"])
    for index in range(6):
        made.add(f"v{index}", made_changes(index, 3900, 1))
    listed = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    pool_ranges(made.changes, tmp_path / "ranges.tsv", thresholds=THRESHOLDS)
    for ranges, thresholds in ((tmp_path / "ranges.tsv", THRESHOLDS), (None, PERCENTILES)):
        tables = made.build(
            thresholds=thresholds, ranges=ranges, durations_s=listed, max_per_video=130
        )
        table = read_table(fit(tables, tmp_path, ["svr", "ridge", "svr_published"])[1])
        for estimator in ("svr", "ridge", "svr_published"):
            assert look_up(table, "r2", estimator=estimator) >= 0.95
            assert look_up(table, "slope", estimator=estimator) >= 0.93


@pytest.mark.parametrize("scale", [0.1, 1, 20])
def test_svr_shrinks_little_whatever_the_durations(few, scale):
    _, clips = read_clip_set(*few[0])
    fold_of_row = split_folds(clips.group, 5)
    rates = np.array([3.0, 5.0, 2.0])
    counts = np.round(clips.duration_s[:, np.newaxis] * rates)
    clips = replace(clips, counts=counts, duration_s=clips.duration_s * scale)
    predicted = predict_folds("svr", conditions(clips)[0], clips, fold_of_row)
    assert score(clips.duration_s, predicted)["slope"] > 0.97


@pytest.mark.parametrize("scope", ["video", "set"])
def test_a_control_that_cannot_be_counted_costs_itself_only(tmp_path, scope):
    """Pixels that change almost evenly have no Tmax above Tmin; with the advice they have one."""
    made, ranges = MadeSet(tmp_path), None
    for index in range(3):
        made.add(f"v{index}", made_changes(index, 300), pixels=np.linspace(10, 11 + index, 300))
    if scope == "set":
        ranges = tmp_path / "ranges.tsv"
        pool_ranges(made.changes, ranges, thresholds=THRESHOLDS)

    def built(threshold, scale):
        dynamic = {**THRESHOLDS["dynamic"], "tmax_scale": scale, "tmax": 0.1, "tmin": 0.01}
        thresholds = {**THRESHOLDS, "dynamic": dynamic, "scope": scope}
        if threshold == "static":
            del thresholds["dynamic"]
        tables = made.build(threshold, thresholds=thresholds, ranges=ranges, durations_s=[1, 2])
        return tables, read_table(tables[0]), read_table(tables[1])["pixel_count"]

    assert built("static", 0.6)[2].notna().all()
    tables, sunk, pixel_count = built("dynamic", 0.6)
    assert len(sunk) and pixel_count.isna().all()
    why = read_provenance(tables[1])["why_no_pixel_count"]
    assert "v0 change by 10 to 1" in why["reason"] and "0.6·(Fmax + Fmin)/2" in why["reason"]
    outputs = fit(tables, tmp_path)
    assert set(read_table(outputs[1])["control"]) == {
        *("none", "mean_duration", "constant_rate", "frame_count", "permuted"),
    }
    least = float(re.search(r"tmax_scale to ([\d.]+)", why["remedy"])[1])
    tables, counted, pixel_count = built("dynamic", least)
    assert pixel_count.notna().all() and "why_no_pixel_count" not in read_provenance(tables[1])
    # The layers have fixed thresholds, which the control has no part in.
    pd.testing.assert_frame_equal(sunk, counted)
    assert built("dynamic", round(least - 0.02, 9))[2].isna().all()
