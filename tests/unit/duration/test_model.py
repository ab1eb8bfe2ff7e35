"""The duration model: folds, scores, controls, and its use on another set."""

import json
import re
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import linregress
from sklearn import metrics
from skops.io import dump

from chronovision.core.files import sidecar_path
from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.core.variants import Variant
from chronovision.duration.apply import apply_duration_model
from chronovision.duration.clip_set import read_clip_set
from chronovision.duration.comparability import (
    NoFitError,
    obstacles,
    require_equal_frame_rates,
    require_same_set,
)
from chronovision.duration.controls import conditions, constant_rate_counts
from chronovision.duration.folds import predict_folds, split_folds
from chronovision.duration.model import fit_duration_model
from chronovision.duration.model_file import load_model
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.scores import COLUMNS, score
from chronovision.errors import UserError
from chronovision.salience.thresholds import pool_ranges
from support.sets import LAYERS, THRESHOLDS, MadeSet, made_changes, made_set

HEAD = ["clip", "video", "group", "repeat", "start_frame", "n_frames", "start_s", "duration_s"]
COUNTS = [f"{layer}_count" for layer in LAYERS]
PERCENTILES = {**THRESHOLDS, "range": "percentile"}


def fit(tables, folder, estimators=("ridge",), folds=5):
    outputs = [folder / name for name in ("predictions.tsv", "scores.tsv", "model.skops")]
    fit_duration_model(
        *tables,
        *outputs,
        duration={"estimators": list(estimators), "folds": folds, "apply": None},
        metric="correlation",
        threshold="dynamic",
    )
    return outputs


def look_up(table, metric, control="none", layers="all", split="test", estimator="ridge"):
    chosen = (table["metric"] == metric) & (table["control"] == control)
    chosen &= (table["layers"] == layers) & (table["split"] == split)
    (value,) = table.loc[chosen & (table["estimator"] == estimator), "value"]
    return value


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Four videos: below ten groups."""
    folder = tmp_path_factory.mktemp("few")
    made = made_set(folder, 4)
    return made.build(thresholds=PERCENTILES), fit(made.build(thresholds=PERCENTILES), folder)


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


@given(st.lists(st.integers(1, 8), min_size=3, max_size=25), st.integers(2, 12))
def test_a_group_is_never_split(sizes, folds):
    groups = np.repeat([f"g{index}" for index in range(len(sizes))], sizes).astype(object)
    fold_of_row = split_folds(groups, folds)
    assert all(len(set(fold_of_row[groups == name])) == 1 for name in set(groups))
    expected = len(sizes) if len(sizes) < 10 else min(folds, len(sizes))
    assert set(fold_of_row) == set(range(expected))


def test_tables_of_few_groups(few):
    (clip_table, _), (predictions_path, scores_path, _) = few
    clips, table = read_table(clip_table), read_table(scores_path)
    predictions = read_table(predictions_path)
    assert list(predictions) == list(PREDICTION_COLUMNS)
    assert list(predictions["clip"]) == list(clips["clip"])
    assert predictions.groupby("group")["fold"].nunique().eq(1).all()
    assert predictions["fold"].nunique() == 4
    assert list(table) == list(COLUMNS)
    controls = {"mean_duration", "constant_rate", "frame_count", "permuted", "pixel_change"}
    assert set(table["control"]) == {"none", *controls}
    assert set(table.loc[table["control"] == "none", "layers"]) == {"all", *LAYERS}
    for control in controls:
        splits = set(table.loc[table["control"] == control, "split"])
        assert splits == {"train", "test", *(f"test:v{index:02d}" for index in range(4))}
    again = score(predictions["duration_s"].to_numpy(), predictions["predicted_s"].to_numpy())
    for metric, value in again.items():
        assert look_up(table, metric) == pytest.approx(value)
    assert set(table.loc[table["split"] == "test", "n_groups"]) == {4}
    assert set(table.loc[table["split"] == "test:v01", "n_groups"]) == {1}


def test_tables_of_many_groups(tmp_path):
    made = made_set(tmp_path, 11, n=300)
    predictions, scores, _ = fit(made.build(durations_s=[1, 2, 4]), tmp_path, folds=4)
    assert read_table(predictions)["fold"].nunique() == 4
    table = read_table(scores)
    alone = table[table["split"].str.startswith("test:")]
    assert set(alone["control"]) == {"none"} and set(alone["layers"]) == {"all"}
    assert alone["split"].nunique() == 11


def test_groups_hold_several_videos(tmp_path):
    made = MadeSet(tmp_path)
    for index in range(6):
        made.add(f"v{index}", made_changes(index, 300), group=f"g{index // 2}")
    predictions = read_table(fit(made.build(durations_s=[1, 2, 4]), tmp_path)[0])
    assert predictions["fold"].nunique() == 3
    assert predictions.groupby("group")["fold"].nunique().eq(1).all()


def test_same_bytes_again(few, tmp_path):
    tables, (predictions, scores, _) = few
    again = fit(tables, tmp_path)
    assert predictions.read_bytes() == again[0].read_bytes()
    assert scores.read_bytes() == again[1].read_bytes()


@pytest.mark.parametrize("estimator", ["svr", "ridge"])
def test_nothing_leaks_from_the_held_out_fold(few, estimator):
    """Shuffled durations cannot be predicted; those held out bear on no prediction."""
    (clip_table, controls), _ = few
    _, clips = read_clip_set(clip_table, controls)
    fold_of_row = split_folds(clips.group, 5)
    shuffled = replace(clips, duration_s=np.random.default_rng(0).permutation(clips.duration_s))
    predicted = predict_folds(estimator, conditions(shuffled)[0], shuffled, fold_of_row)
    assert score(shuffled.duration_s, predicted)["r2"] < 0.05
    stretch = np.where(fold_of_row == 0, 100, 1)
    for condition in conditions(clips):
        if condition.control == "constant_rate":
            continue  # its input is made of the held-out durations
        before = predict_folds(estimator, condition, clips, fold_of_row)
        other = replace(clips, duration_s=clips.duration_s * stretch)
        after = predict_folds(estimator, condition, other, fold_of_row)
        np.testing.assert_array_equal(after[fold_of_row == 0], before[fold_of_row == 0])


@pytest.mark.parametrize("estimator", ["svr", "ridge"])
def test_counts_that_are_held_out_bear_on_no_other_prediction(few, estimator):
    """Scaling, penalty and the constant rate are those of the training folds."""
    _, clips = read_clip_set(*few[0])
    fold_of_row = split_folds(clips.group, 5)
    kept = np.flatnonzero(fold_of_row == 0)[0]
    others = (fold_of_row == 0) & (np.arange(len(fold_of_row)) != kept)
    grow = np.where(others, 100.0, 1.0)
    grown = replace(
        clips,
        counts=clips.counts * grow[:, np.newaxis],
        permuted=clips.permuted * grow[:, np.newaxis],
        pixel_count=clips.pixel_count * grow,
        n_frames=clips.n_frames * grow,
    )
    for before, after in zip(conditions(clips), conditions(grown), strict=True):
        expected = predict_folds(estimator, before, clips, fold_of_row)
        found = predict_folds(estimator, after, grown, fold_of_row)
        assert found[kept] == pytest.approx(expected[kept], rel=1e-9), before.control


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


def test_repeats_are_predicted_each(tmp_path):
    made = made_set(tmp_path, 3, n=300)
    tables = made.build(durations_s=[1, 2, 4], repeats=3)
    clips, predictions = read_table(tables[0]), read_table(fit(tables, tmp_path)[0])
    assert list(clips["clip"]) == list(predictions["clip"])
    once = made.build(durations_s=[1, 2, 4], repeats=1)
    single = read_table(fit(once, tmp_path)[0])
    first = predictions[(clips["repeat"] == 0).to_numpy()]["predicted_s"]
    np.testing.assert_allclose(first, single["predicted_s"], rtol=1e-12)


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


def assert_empty(paths, columns, said):
    """Tables of a header and no rows, whose provenance says why."""
    for path, names in zip(paths, columns, strict=True):
        assert path.read_text().splitlines() == ["\t".join(names)]
        why = read_provenance(path)["why_empty"]
        assert re.search(said, f"{why['reason']}: {why['remedy']}"), why


def mixed_rates(made):
    made.add("pal", made_changes(9, 300), rate=25)


def a_gap(made):
    time_s = np.arange(300) / 30
    made.add("gap", made_changes(9, 300), time_s=time_s + (time_s > 5))


def one_file_twice(made):
    made.add("again", made_changes(0, 300), file="v00")


def tiny(made):
    made.add("tiny", made_changes(9, 2))


def short(made):
    made.add("short", made_changes(9, 75))


OBSTACLES = {
    "two groups": (lambda made: None, {}, r"form 2 groups, and fewer than 3 .*: add videos"),
    "mixed rates": (mixed_rates, {}, r"25 frames/s: pal; 30 frames/s: v00, v01.*frames\.step_s"),
    "a gap": (a_gap, {}, r"rate of video gap varies or has gaps .*10% longer.*frames\.fps"),
    "a file twice": (one_file_twice, {}, "again and v00 are the same file.*one group"),
    "two frames": (tiny, {}, r"tiny lasts 0\.0666.*clips\.min_video_s"),
    "left out": (tiny, {"min_video_s": 1}, "form 2 groups"),
    "one duration": (short, {}, r"all clips have the same duration \(1 s\).*clips\.min_video_s"),
    "all left out": (tiny, {"min_video_s": 99}, r"every video is shorter than .*: lower it"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_cannot_be_fitted_is_said_in_tables_without_rows(tmp_path, obstacle):
    """For whatever reason: the tables are there, and so is a file in place of the model."""
    add, clips, said = OBSTACLES[obstacle]
    made = made_set(tmp_path, 2, n=300)
    add(made)
    for threshold in ("static", "dynamic"):
        tables = made.build(threshold, durations_s=[1, 2, 4], **clips)
        predictions, scores, model = fit(tables, tmp_path)
        assert_empty([predictions, scores], [PREDICTION_COLUMNS, COLUMNS], said)
        rows = [len(read_table(table)) for table in tables]
        assert rows[0] == rows[1] and list(read_table(tables[0])) == HEAD + COUNTS
        permuted = [f"permuted_{name}" for name in COUNTS]
        assert list(read_table(tables[1])) == ["clip", "repeat", *permuted, "pixel_count"]
        about = read_provenance(tables[0])
        assert ("why_empty" in about) == (rows[0] == 0) == ("design" not in about)
        with pytest.raises(NoFitError, match="holds no model, as none could be fitted"):
            load_model(model)


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


def test_a_video_that_gives_no_clips_stands_against_no_fit(tmp_path):
    """Neither its length does nor its rate, nor that its file is there twice."""
    made = made_set(tmp_path, 3, n=300)
    made.add("short", made_changes(9, 150), rate=25, file="v00")
    tables = made.build(durations_s=[1, 2, 4], min_video_s=8)
    predictions, scores, model = fit(tables, tmp_path)
    assert set(read_table(predictions)["video"]) == {"v00", "v01", "v02"}
    assert len(read_table(scores)) and max(load_model(model)["set"]["frame_intervals_s"]) < 0.034
    assert set(read_provenance(tables[0])["videos"]) == {"v00", "v01", "v02", "short"}


def test_programming_errors_still_fail(tmp_path, monkeypatch):
    tables = made_set(tmp_path, 3, n=300).build(durations_s=[1, 2, 4])
    monkeypatch.setattr("chronovision.duration.model.split_folds", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(tables, tmp_path)


@pytest.mark.parametrize(
    ("step_s", "intervals_s", "refused"),
    [
        (None, (1 / 30, 1.001 / 30), False),
        (None, (1 / 24, 1 / 25), True),
        (1 / 6, (4 / 24, 4 / 25), False),
        (1 / 6, (4 / 24, 4 / 25, 5 * 1001 / 30000), False),
        (1 / 8, (3 / 24, 3 / 25, 4 / 30), True),
    ],
)
def test_steps_may_differ_more_where_they_are_as_even_as_can_be(step_s, intervals_s, refused):
    videos = {f"v{number}": intervals(one) for number, one in enumerate(intervals_s)}
    if refused:
        with pytest.raises(NoFitError, match=rf"more than {5 if step_s else 1} %.*frames\.step_s"):
            require_equal_frame_rates(videos, {"step_s": step_s})
    else:
        require_equal_frame_rates(videos, {"step_s": step_s})


def intervals(nominal_s, mean_s=None):
    return {"frame_interval_s": nominal_s, "mean_interval_s": mean_s or nominal_s}


@pytest.mark.parametrize("step_s", [None, 0.16])
@pytest.mark.parametrize(("mean_s", "said"), [(0.048, "20% longer"), (0.032, "20% shorter")])
def test_a_variable_rate_is_refused_at_the_fit(step_s, mean_s, said):
    said = rf"rate of video b varies or has gaps \(on average its frames last {said}.*frames\.fps"
    with pytest.raises(NoFitError, match=said):
        require_equal_frame_rates(
            {"a": intervals(0.04), "b": intervals(0.04, mean_s)}, {"step_s": step_s}
        )


def test_rates_are_told_as_the_frames_were_kept():
    """Rows that are several source frames apart have no frame rate."""
    videos = {"a": intervals(1 / 6), "b": intervals(0.15), "c": intervals(1 / 6)}
    steps = r"steps from row to row differ .*\(last 0\.15 s: b; last 0\.1667 s: a, c\)"
    for frames in ({"step_s": 0.16}, {"every": 4, "step_s": None}):
        with pytest.raises(NoFitError, match=steps) as caught:
            require_equal_frame_rates(videos, frames)
        assert "frames/s" not in str(caught.value)
        assert "names one, if there is one" in caught.value.remedy
    with pytest.raises(NoFitError, match=r"frame rates .*\(6 frames/s: a, c; 6\.667 frames/s: b"):
        require_equal_frame_rates(videos, {"every": 1, "step_s": None})


@pytest.mark.parametrize(
    ("theirs", "ours", "refused"),
    [
        ((None, 0.04, 0.04), (None, 0.0403, 0.0403), False),
        ((None, 0.04, 0.04), (None, 0.0417, 0.0417), True),
        ((1 / 6, 0.16, 0.16), (1 / 6, 1 / 6, 1 / 6), False),
        ((1 / 6, 0.16, 0.16), (0.17, 1 / 6, 1 / 6), False),
        ((1 / 6, 0.16, 0.16), (None, 1 / 6, 1 / 6), True),
        ((1 / 6, 0.16, 1 / 6), (1 / 6, 1 / 6, 0.175), True),
    ],
)
def test_rates_of_the_set_that_a_model_is_used_on(theirs, ours, refused):
    """Both sets together must be as even as a fit to them would have to be."""

    def described(step_s, shortest, longest):
        steps = {"frames.step_s": step_s, "frame_intervals_s": [shortest, longest]}
        return {"thresholds.scope": "video", **steps}

    if refused:
        with pytest.raises(
            NoFitError, match=r"its rate of analysed frames is .* and here it is .* \(frames/s\)"
        ):
            require_same_set("model.skops", described(*theirs), described(*ours))
    else:
        require_same_set("model.skops", described(*theirs), described(*ours))


def test_a_model_of_before_is_named_as_such(few, tmp_path):
    model = load_model(few[1][2])
    for key in ("frame_intervals_s", "frames.step_s"):
        before = {name: value for name, value in model["set"].items() if name != key}
        dump({**model, "set": before}, tmp_path / "before.skops")
        with pytest.raises(NoFitError, match=r"before\.skops .* earlier version: fit it again"):
            load_model(tmp_path / "before.skops")


def test_all_that_stands_against_a_fit_is_found():
    files = {"a": "1", "b": "2", "c": "1", "d": "1"}
    apart = {name: name for name in files}
    together = {**apart, "c": "a", "d": "a"}
    assert [error.remedy for error in obstacles(together, files, None)] == ["add videos"]
    found = [error.reason for error in obstacles(apart, files, 4.0)]
    assert len(found) == 2 and "all clips have the same duration (4 s)" in found[0]
    assert "videos a, c and d are the same file in different groups" in found[1]
    assert obstacles({**apart, "c": "a"}, {**files, "d": "3"}, None) == []


def test_the_tables_say_every_obstacle_and_what_helps_against_each(tmp_path):
    made = made_set(tmp_path, 1, n=300)
    made.add("again", made_changes(0, 300), file="v00", rate=25)
    outputs = fit(made.build(durations_s=[4]), tmp_path)
    said = r"(?s)25 frames/s.* form 2 groups.*same duration \(4 s\).*again and v00 are the same.*"
    remedies = r"set a frames\.step_s.*; and add videos; and put more.*; and give them one group"
    assert_empty(outputs[:2], [PREDICTION_COLUMNS, COLUMNS], said + remedies)


@pytest.mark.parametrize(("snapshots", "refused"), [(3, False), (0, True)])
def test_snapshots_are_durations_of_their_own(tmp_path, snapshots, refused):
    """As they are told by the config one would do; rates that differ a little make no second."""
    made = made_set(tmp_path, 3, n=300)
    made.add("slower", made_changes(9, 300), rate=29.8)
    tables = made.build(durations_s=[4], snapshots=snapshots)
    assert read_table(tables[0])["n_frames"].nunique() > 1
    outputs = fit(tables, tmp_path)
    if refused:
        said = r"same duration \(4 s\)"
        assert_empty(outputs[:2], [PREDICTION_COLUMNS, COLUMNS], said)
    else:
        assert len(read_table(outputs[0]))


@pytest.mark.parametrize(
    ("scope", "dynamic", "refused"),
    [
        ("video", {"tmax": None, "tmin": "min"}, False),
        ("set", {"tmax": None, "tmin": "min"}, True),
        ("set", {"tmax": 1.0, "tmin": "min"}, True),
        ("set", {"tmax": 1.0, "tmin": 0.1}, False),
    ],
)
def test_thresholds_of_another_set_cannot_be_used_here(scope, dynamic, refused):
    facts = {"thresholds.scope": scope, "thresholds.dynamic": dynamic}
    facts |= {"frames.step_s": None, "frame_intervals_s": [0.04, 0.04]}
    if refused:
        with pytest.raises(NoFitError, match="own set's range of change"):
            require_same_set("model.skops", facts, facts)
    else:
        require_same_set("model.skops", facts, facts)


def apply(model, tables, folder):
    outputs = folder / "applied" / "predictions.tsv", folder / "applied" / "scores.tsv"
    apply_duration_model(model, {Variant("correlation", "dynamic"): tables[0]}, *outputs)
    return outputs


def test_model_is_used_on_another_set(few, tmp_path):
    _, (_, scores, model) = few
    made = MadeSet(tmp_path).add("new", made_changes(77, 900)).add("two", made_changes(78, 900))
    tables = made.build(thresholds=PERCENTILES)
    predictions, table = map(read_table, apply(model, tables, tmp_path))
    clips = read_table(tables[0])
    expected = load_model(model)["regressions"]["ridge"]["none"].predict(
        clips[[f"{layer}_count" for layer in LAYERS]].to_numpy(float)
    )
    np.testing.assert_allclose(predictions["predicted_s"], expected)
    assert predictions["fold"].isna().all()
    assert set(table["split"]) == {"applied", "applied:new", "applied:two"}
    assert set(table["control"]) == {"none", "mean_duration", "frame_count"}
    own = look_up(read_table(scores), "r2")
    assert look_up(table, "r2", split="applied") == pytest.approx(own, abs=0.1)


def test_in_sample_scores_are_those_of_the_saved_model(few, tmp_path):
    tables, (_, scores, model) = few
    applied = read_table(apply(model, tables, tmp_path)[1])
    for metric in ("r2", "slope", "mae_s"):
        trained = look_up(read_table(scores), metric, split="train")
        assert look_up(applied, metric, split="applied") == pytest.approx(trained, rel=1e-9)


@pytest.mark.parametrize(
    ("network", "video", "thresholds", "wanted"),
    [
        ({"model": "vgg16"}, {}, PERCENTILES, "network.model is vgg19 and here it is vgg16"),
        ({"weights_sha256": "z"}, {}, PERCENTILES, "weights_sha256 is abc and here it is z"),
        ({"precision": "bfloat16"}, {}, PERCENTILES, "network.precision is float32"),
        ({"layers": ["a", "b", "c"]}, {}, PERCENTILES, "network.layers is .*pool1"),
        ({}, {"size": 112}, PERCENTILES, "frames.size is 224 and here it is 112"),
        (
            {},
            {"rate": 25},
            PERCENTILES,
            r"rate of analysed frames is 30 and here it is 25 \(frames/s\)",
        ),
        ({}, {}, THRESHOLDS, "thresholds.range is percentile and here it is minmax"),
    ],
)
def test_model_is_refused_on_a_set_that_differs(few, tmp_path, network, video, thresholds, wanted):
    model = few[1][2]
    made = MadeSet(tmp_path, **{"layers": LAYERS, **network})
    made.add("new", made_changes(77, 900), **video)
    tables = made.build(thresholds=thresholds)
    assert_empty(apply(model, tables, tmp_path), [PREDICTION_COLUMNS, COLUMNS], wanted)


def test_model_needs_its_metric_and_threshold(few, tmp_path):
    (clip_table, _), (_, _, model) = few
    outputs = [tmp_path / "x.tsv", tmp_path / "y.tsv"]
    apply_duration_model(model, {Variant("euclidean", "static"): clip_table}, *outputs)
    said = "add correlation to changes.metrics and dynamic to"
    assert_empty(outputs, [PREDICTION_COLUMNS, COLUMNS], said)


def test_a_model_is_not_used_where_there_are_no_clips_or_no_model(few, tmp_path):
    (clip_table, _), (_, _, model) = few
    none = made_set(tmp_path / "none", 1, n=2).build()
    outputs = apply(model, none, tmp_path)
    assert_empty(outputs, [PREDICTION_COLUMNS, COLUMNS], "no clip duration fits")
    empty = fit(none, tmp_path)[2]
    outputs = apply(empty, [clip_table], tmp_path)
    assert_empty(
        outputs, [PREDICTION_COLUMNS, COLUMNS], r"holds no model, .*\(no clip duration fits"
    )


class Foreign:
    """A type that a model file may not hold."""


def test_files_that_are_no_models(few, tmp_path):
    with pytest.raises(NoFitError, match="there is no file"):
        load_model(tmp_path / "absent.skops")
    text = tmp_path / "text.skops"
    text.write_text("no model")
    with pytest.raises(NoFitError, match="not a duration model"):
        load_model(text)
    for index, value in enumerate(({"a": 1}, {"regressions": Foreign(), "set": {}})):
        other = tmp_path / f"{index}.skops"
        dump(value, other)
        with pytest.raises(NoFitError, match="not a duration model"):
            load_model(other)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (b"[]", "list"),
        (b"3", "int"),
        (b"{", "Expecting property name"),
        (
            b'{"protocol": 2, "__loader__": "NodeOfTomorrow", "__class__": "X", "__module__": "y"}',
            "loader",
        ),
        (None, "schema.json"),
    ],
)
def test_what_skops_cannot_read_is_told_in_one_line_of_its_words(tmp_path, schema, said):
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as archive:
        archive.writestr("other", "") if schema is None else archive.writestr("schema.json", schema)
    with pytest.raises(NoFitError, match=rf"not a duration model .*\(.*{said}") as caught:
        load_model(tmp_path / "m.skops")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("set", {}, "its set lacks metric, threshold, thresholds.scope"),
        ("set", {"metric": "correlation"}, "its set lacks threshold, thresholds.scope"),
        ("set", [], "its set lacks metric"),
        ("regressions", {}, "it holds no regressions"),
        ("regressions", {"ridge": {}}, "it holds no regressions"),
        ("regressions", {"ridge": {"none": 3}}, "it holds no regressions"),
    ],
)
def test_a_model_without_what_is_read_of_it_is_refused(few, tmp_path, part, value, said):
    (clip_table, _), (_, _, model) = few
    dump({**load_model(model), part: value}, tmp_path / "m.skops")
    outputs = apply(tmp_path / "m.skops", [clip_table], tmp_path)
    assert_empty(outputs, [PREDICTION_COLUMNS, COLUMNS], f"not a duration model .*, as {said}")


def test_controls_of_other_clips_are_refused(few, tmp_path):
    (clip_table, controls), _ = few
    shorter = tmp_path / "controls.tsv"
    pd.read_csv(controls, sep="\t").iloc[1:].to_csv(shorter, sep="\t", index=False)
    with pytest.raises(UserError, match="not of the same clips"):
        read_clip_set(clip_table, shorter)


def test_every_column_is_described(few):
    for path in few[1][:2]:
        described = json.loads(sidecar_path(path).read_text())["columns"]
        assert list(described) == list(read_table(path).columns)
