"""Seconds from counts: regressions fitted, cross-validated and scored beside their controls."""

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
from chronovision.duration import predictions, scores
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

log = logging.getLogger(__name__)

#: Controls that ask for no more than a clip table, so that they stand beside a reused model.
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
    name : of an estimator, see `chronovision.duration.estimators.ESTIMATORS`.
    fold_of_row : (rows,) see `chronovision.duration.folds.split_folds`.

    Returns
    -------
    Rows of the table of scores, (rows,) out-of-fold predictions in s, and the model fitted on
    all clips.
    """
    inputs = condition.inputs(clips.first)
    model = condition.regression(name).fit(inputs[clips.first], clips.duration_s[clips.first])
    predicted = predict_folds(name, condition, clips, fold_of_row)
    small = is_small_set(len(np.unique(clips.group)))
    rows = []
    for split, seconds in (("train", model.predict(inputs)), ("test", predicted)):
        each_group = split == "test" and (small or condition.is_model)
        rows += scores.score_rows(
            {"estimator": name, "control": condition.control, "layers": condition.layers},
            split,
            clips.duration_s,
            seconds,
            clips.group,
            each_group=each_group,
        )
    return Evaluation(name, condition, rows, predicted, model)


def fit_duration_model(
    clip_table: str | os.PathLike,
    controls_table: str | os.PathLike,
    predictions_out: str | os.PathLike,
    scores_out: str | os.PathLike,
    model_out: str | os.PathLike,
    *,
    duration: Mapping,
    metric: str,
    threshold: str,
) -> None:
    """Fit, predict out of fold, score beside the controls, and save the models of all clips.

    With several repeats of a clip the regressions learn from its first one, as if each clip
    had been seen once, and predict all of them.

    Parameters
    ----------
    clip_table, controls_table : see `chronovision.duration.clips.build_clip_table`.
    predictions_out : TSV, see `chronovision.duration.predictions.COLUMNS`; of the models of all
        layers.
    scores_out : TSV, see `chronovision.duration.scores.COLUMNS`. From `ENOUGH_GROUPS` on single
        groups are scored for the models of all layers alone.
    model_out : skops file, see `chronovision.duration.model_file`.
    duration : the config's ``duration``: ``estimators`` and ``folds``.
    metric, threshold : of the clip table.

    Where no model can be fitted (no clips, fewer than `LEAST_GROUPS`, one duration only, frame
    rates that differ too much, one file in two groups), the tables have no rows, their provenance
    says why (``why_empty``), and so does the skops file.
    """
    provenance = read_provenance(clip_table)
    config = {key: duration[key] for key in ("estimators", "folds")}
    config |= {"metric": metric, "threshold": threshold}
    provenance = add_step(provenance, "fit_duration_model", config, PACKAGES)
    try:
        table, clips, fold_of_row = _read_fittable(
            clip_table, controls_table, provenance, duration["folds"]
        )
    except NoFitError as error:
        log.warning("no model: %s", error)
        provenance["why_empty"] = error.record()
        predictions.write_empty_results(predictions_out, scores_out, provenance)
        save_no_model(model_out, error.reason)
        return
    results = _evaluate_all(duration["estimators"], clips, fold_of_row)
    _write_results(results, table, fold_of_row, provenance, predictions_out, scores_out)
    models = _reusable(results)
    save_model(model_out, models, describe_set(provenance, clips.layers, metric, threshold))
    log.info("%d clips in %d folds", clips.first.sum(), fold_of_row.max() + 1)


def _evaluate_all(
    estimators: Sequence[str], clips: ClipSet, fold_of_row: np.ndarray
) -> list[Evaluation]:
    """Each regression under each condition, on one thread: then the sums are the same anywhere."""
    with threadpool_limits(1):
        return [
            evaluate(name, condition, clips, fold_of_row)
            for name in estimators
            for condition in conditions(clips)
        ]


def _write_results(
    results: Sequence[Evaluation],
    table: pd.DataFrame,
    fold_of_row: np.ndarray,
    provenance: Mapping,
    predictions_out: str | os.PathLike,
    scores_out: str | os.PathLike,
) -> None:
    """Write the predictions of the models of all layers, and the scores of all conditions."""
    predicted = [
        predictions.prediction_table(table, result.predicted, result.estimator, fold_of_row)
        for result in results
        if result.condition.is_model
    ]
    rows = pd.concat(predicted, ignore_index=True)
    write_table(predictions_out, rows, predictions.COLUMNS, provenance)
    rows = pd.DataFrame([row for result in results for row in result.scores])
    write_table(scores_out, rows, scores.COLUMNS, provenance)


def _read_fittable(
    clip_table: str | os.PathLike,
    controls_table: str | os.PathLike,
    provenance: Mapping,
    folds: int,
) -> tuple[pd.DataFrame, ClipSet, np.ndarray]:
    """The clip table, the same as arrays, and its folds; NoFitError if nothing can be fitted."""
    table, clips = read_clip_set(clip_table, controls_table)
    if found := _obstacles(table, provenance):
        raise all_of(found)
    return table, clips, split_folds(clips.group, folds)


def _obstacles(table: pd.DataFrame, provenance: Mapping) -> list[NoFitError]:
    """All that stands against a fit to a clip table."""
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
    """Models to be saved, {estimator: {control: model}}."""
    models: dict[str, dict[str, RegressorMixin]] = {}
    for result in results:
        if result.condition.is_model or result.condition.control in REUSABLE_CONTROLS:
            models.setdefault(result.estimator, {})[result.condition.control] = result.model
    return models
