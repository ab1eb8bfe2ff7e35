"""The duration model: regressions of seconds on counts, cross-validated beside their controls."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from threadpoolctl import threadpool_limits

from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import write_table
from chronovision.duration.clip_set import ClipSet, read_clip_set
from chronovision.duration.comparability import (
    NoFitError,
    all_of,
    describe_set,
    is_small_set,
    obstacles,
    require_comparable_clips,
    videos_with_clips,
)
from chronovision.duration.controls import Condition, conditions
from chronovision.duration.folds import predict_folds, split_folds
from chronovision.duration.model_file import PACKAGES, save_model, save_no_model
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.predictions import prediction_table, write_empty_results
from chronovision.duration.scores import COLUMNS as SCORE_COLUMNS
from chronovision.duration.scores import score_rows

log = logging.getLogger(__name__)

#: Controls that need only a clip table, so that they are saved with the model and used with it.
REUSABLE_CONTROLS = ("mean_duration", "frame_count")


@dataclass(frozen=True)
class Evaluation:
    """One regression under one condition."""

    estimator: str
    condition: Condition
    scores: list[dict]
    predicted: np.ndarray
    model: RegressorMixin


def evaluate(
    name: str, condition: Condition, clips: ClipSet, fold_of_row: np.ndarray
) -> Evaluation:
    """Score one regression under one condition, in-sample and out of fold.

    Parameters
    ----------
    name : str
        Name of an estimator, see `chronovision.duration.estimators.ESTIMATORS`.
    condition : Condition
        Inputs of the regression.
    clips : ClipSet
        The clips.
    fold_of_row : (rows,) int64 array
        See `chronovision.duration.folds.split_folds`.

    Returns
    -------
    Evaluation
        Rows of the table of scores, out-of-fold predictions and the model fitted on all clips.
    """
    inputs = condition.inputs(clips.first)
    model = condition.regression(name).fit(inputs[clips.first], clips.duration_s[clips.first])
    predicted = predict_folds(name, condition, clips, fold_of_row)
    small = is_small_set(len(np.unique(clips.group)))
    rows = []
    for split, seconds in (("train", model.predict(inputs)), ("test", predicted)):
        each_group = split == "test" and (small or condition.is_model)
        rows += score_rows(
            {"estimator": name, "control": condition.control, "layers": condition.layers},
            split,
            clips.duration_s,
            seconds,
            clips.group,
            each_group=each_group,
        )
    return Evaluation(name, condition, rows, predicted, model)


def fit_duration_model(
    *,
    clips: str | os.PathLike,
    controls: str | os.PathLike,
    duration: Mapping,
    metric: str,
    threshold: str,
    predictions: str | os.PathLike,
    scores: str | os.PathLike,
    model: str | os.PathLike,
) -> None:
    """Fit regressions of duration, score them by cross-validation beside controls, and save them.

    With several repeats of a clip the regressions learn from the first one, as if each clip had
    been seen once, and predict all of them. The fit may be impossible: no clips, fewer groups than
    `LEAST_GROUPS`, one duration only, frame rates that differ too much, or one file in two groups.
    Then the tables have no rows, and their provenance and the skops file say why (``why_empty``).

    Parameters
    ----------
    clips, controls : path-like
        Tables of `chronovision.duration.clips.build_clip_table`.
    duration : mapping
        The config's ``duration``: ``estimators`` and ``folds``.
    metric, threshold : str
        Metric and kind of threshold of the clip table.
    predictions : path-like
        TSV to write, see `chronovision.duration.predictions.COLUMNS`, for the models of all layers.
    scores : path-like
        TSV to write, see `chronovision.duration.scores.COLUMNS`. From `ENOUGH_GROUPS` on, single
        groups are scored only for the models of all layers.
    model : path-like
        skops file to write, see `chronovision.duration.model_file`.
    """
    provenance = read_provenance(clips)
    config = {key: duration[key] for key in ("estimators", "folds")}
    config |= {"metric": metric, "threshold": threshold}
    provenance = add_step(provenance, "fit_duration_model", config, PACKAGES)
    try:
        table, clip_set, fold_of_row = _read_fittable(
            clips, controls, provenance, duration["folds"]
        )
    except NoFitError as error:
        log.warning("no model: %s", error)
        provenance["why_empty"] = error.record()
        write_empty_results(predictions, scores, provenance)
        save_no_model(model, error.reason)
        return
    results = _evaluate_all(duration["estimators"], clip_set, fold_of_row)
    rows = _predictions(results, table, fold_of_row)
    write_table(predictions, rows, PREDICTION_COLUMNS, provenance)
    rows = pd.DataFrame([row for result in results for row in result.scores])
    write_table(scores, rows, SCORE_COLUMNS, provenance)
    about = describe_set(provenance, clip_set.layers, metric, threshold)
    save_model(model, _reusable(results), about)
    log.info("%d clips in %d folds", clip_set.first.sum(), fold_of_row.max() + 1)


def _evaluate_all(
    estimators: Sequence[str], clips: ClipSet, fold_of_row: np.ndarray
) -> list[Evaluation]:
    """Evaluate each regression under each condition, on one thread for reproducible sums."""
    with threadpool_limits(1):
        return [
            evaluate(name, condition, clips, fold_of_row)
            for name in estimators
            for condition in conditions(clips)
        ]


def _predictions(
    results: Sequence[Evaluation], table: pd.DataFrame, fold_of_row: np.ndarray
) -> pd.DataFrame:
    """Return the predictions of the models of all layers, one regression after the other."""
    predicted = [
        prediction_table(table, result.predicted, result.estimator, fold_of_row)
        for result in results
        if result.condition.is_model
    ]
    return pd.concat(predicted, ignore_index=True)


def _read_fittable(
    clip_table: str | os.PathLike,
    controls_table: str | os.PathLike,
    provenance: Mapping,
    folds: int,
) -> tuple[pd.DataFrame, ClipSet, np.ndarray]:
    """Read the clip table, also as arrays, and its folds; NoFitError if no fit is possible."""
    table, clips = read_clip_set(clip_table, controls_table)
    if found := _obstacles(table, provenance):
        raise all_of(found)
    return table, clips, split_folds(clips.group, folds)


def _obstacles(table: pd.DataFrame, provenance: Mapping) -> list[NoFitError]:
    """Return all obstacles to a fit to a clip table."""
    found = []
    try:
        require_comparable_clips(provenance)
    except NoFitError as error:
        found.append(error)
    if table.empty:
        return found
    groups = dict(zip(table["video"], table["group"], strict=True))
    files = {name: video["sha256"] for name, video in videos_with_clips(provenance).items()}
    # Snapshots are as good as clips of their own. Of one duration clips of other rates, in another
    # video, may be a frame longer.
    is_one = table.groupby("video")["n_frames"].nunique().max() == 1
    only_s = provenance["design"]["durations"][0]["duration_s"] if is_one else None
    return found + obstacles(groups, files, only_s)


def _reusable(results: Sequence[Evaluation]) -> dict[str, dict[str, RegressorMixin]]:
    """Return the models to be saved, {estimator: {control: model}}."""
    models: dict[str, dict[str, RegressorMixin]] = {}
    for result in results:
        if result.condition.is_model or result.condition.control in REUSABLE_CONTROLS:
            models.setdefault(result.estimator, {})[result.condition.control] = result.model
    return models
