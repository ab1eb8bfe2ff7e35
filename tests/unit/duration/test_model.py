"""The fit: its folds, its tables, and that nothing leaks."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronovision.core.files import sidecar_path
from chronovision.core.tables import read_table
from chronovision.duration.clip_set import read_clip_set
from chronovision.duration.controls import conditions
from chronovision.duration.folds import predict_folds, split_folds
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.scores import COLUMNS, score
from chronovision.errors import UserError
from support.fits import fit, look_up
from support.sets import LAYERS, MadeSet, made_changes, made_set


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


def test_repeats_are_predicted_each(tmp_path):
    made = made_set(tmp_path, 3, n=300)
    tables = made.build(durations_s=[1, 2, 4], repeats=3)
    clips, predictions = read_table(tables[0]), read_table(fit(tables, tmp_path)[0])
    assert list(clips["clip"]) == list(predictions["clip"])
    once = made.build(durations_s=[1, 2, 4], repeats=1)
    single = read_table(fit(once, tmp_path)[0])
    first = predictions[(clips["repeat"] == 0).to_numpy()]["predicted_s"]
    np.testing.assert_allclose(first, single["predicted_s"], rtol=1e-12)


def test_programming_errors_still_fail(tmp_path, monkeypatch):
    tables = made_set(tmp_path, 3, n=300).build(durations_s=[1, 2, 4])
    monkeypatch.setattr("chronovision.duration.model.split_folds", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(tables, tmp_path)


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
