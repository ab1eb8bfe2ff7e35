"""A saved model: used on another set, refused, or no model at all."""

import zipfile

import numpy as np
import pytest
from skops.io import dump

from chronovision.core.tables import read_table
from chronovision.core.variants import Variant
from chronovision.duration.apply import apply_duration_model
from chronovision.duration.comparability import (
    NoFitError,
)
from chronovision.duration.model_file import load_model
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.scores import COLUMNS
from support.fits import PERCENTILES, assert_empty, fit, look_up
from support.sets import LAYERS, THRESHOLDS, MadeSet, made_changes, made_set


def test_a_model_of_before_is_named_as_such(few, tmp_path):
    model = load_model(few[1][2])
    for key in ("frame_intervals_s", "frames.step_s"):
        before = {name: value for name, value in model["set"].items() if name != key}
        dump({**model, "set": before}, tmp_path / "before.skops")
        with pytest.raises(NoFitError, match=r"before\.skops .* earlier version: fit it again"):
            load_model(tmp_path / "before.skops")


def apply(model, tables, folder):
    return apply_to({Variant("correlation", "dynamic"): tables[0]}, model, folder / "applied")


def apply_to(clips, model, folder):
    predictions, scores = folder / "predictions.tsv", folder / "scores.tsv"
    apply_duration_model(model=model, clips=clips, predictions=predictions, scores=scores)
    return predictions, scores


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
    outputs = apply_to({Variant("euclidean", "static"): clip_table}, model, tmp_path)
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
