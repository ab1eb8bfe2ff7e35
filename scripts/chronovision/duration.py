"""Seconds from counts: regressions, folds by group, and the controls beside every score."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

from chronovision import scores
from chronovision.comparability import (
    ENOUGH_GROUPS,
    NoFitError,
    all_of,
    obstacles,
    videos_with_clips,
)
from chronovision.errors import UserError
from chronovision.model_file import describe_set, refuse_mixed_rates, save_model, save_no_model
from chronovision.provenance import add_step
from chronovision.store import read_provenance, read_table, write_table

log = logging.getLogger(__name__)

#: Controls that ask for no more than a clip table, so that they stand beside a reused model.
REUSABLE_CONTROLS = ("mean_duration", "frame_count")
PACKAGES = ("numpy", "pandas", "scikit-learn", "skops")

PREDICTION_COLUMNS = {
    "clip": (
        "clip; one row for each repeat of it, in the order of the clip table",
        "id",
    ),
    "video": ("video that the clip is from", "id"),
    "group": ("group of that video; folds never split it", "id"),
    "duration_s": ("real duration", "s"),
    "predicted_s": ("duration predicted by a model that has not seen the clip's group", "s"),
    "fold": ("fold that held the clip out, 0-based; n/a for a model of another set", "index"),
    "estimator": ("regression that predicts seconds from counts", "name"),
}


def make_estimator(name: str) -> RegressorMixin:
    """An unfitted regression of duration (s) on counts.

    ``svr`` : standardised counts, RBF support vectors (C = 5, ε = 0.02, gamma = 1/layers) on
        the standardised duration. For durations of the usual list that is C ≈ 100 and ε ≈ 0.4 s
        in seconds; scaling the target makes the shrinkage the same for any list.
    ``ridge`` : standardised counts, ridge regression, penalty by efficient leave-one-out.
    ``svr_published`` : RBF, C = 1000, gamma = 1e-4 on raw counts (Roseboom et al. 2019).
        Its gamma depends on the size of the counts.
    """
    if name == "svr":
        machine = make_pipeline(StandardScaler(), SVR(C=5.0, epsilon=0.02))
        return TransformedTargetRegressor(machine, transformer=StandardScaler())
    if name == "ridge":
        return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))
    return SVR(C=1e3, gamma=1e-4)


@dataclass(frozen=True)
class ClipSet:
    """The columns of the clip table and of its controls that regressions use, one row each.

    Attributes
    ----------
    layers : names.
    counts, permuted : (rows, layers) float64.
    pixel_count, n_frames, duration_s : (rows,) float64; all pixel_count NaN if not counted.
    group : (rows,) names.
    first : (rows,) bool, the first repeat of each clip.
    """

    layers: tuple[str, ...]
    counts: np.ndarray
    permuted: np.ndarray
    pixel_count: np.ndarray
    n_frames: np.ndarray
    duration_s: np.ndarray
    group: np.ndarray
    first: np.ndarray

    def metronome(self, train: np.ndarray) -> np.ndarray:
        """Counts (rows, layers) of a clock at each layer's mean rate over the rows `train`."""
        rate = self.counts[train].sum(axis=0) / self.duration_s[train].sum()
        return np.floor(self.duration_s[:, np.newaxis] * rate)


@dataclass(frozen=True)
class Condition:
    """What a regression is given: `inputs(train)` returns (rows, features) for all rows."""

    control: str
    layers: str
    inputs: Callable[[np.ndarray], np.ndarray]

    @property
    def is_model(self) -> bool:
        """Whether this is the model itself: the counts of all layers."""
        return (self.control, self.layers) == ("none", "all")

    def regression(self, name: str) -> RegressorMixin:
        """The unfitted regression `name`; for mean durations one that ignores its input."""
        return DummyRegressor() if self.control == "mean_duration" else make_estimator(name)


def read_clip_set(
    clip_table: str | os.PathLike, controls_table: str | os.PathLike
) -> tuple[pd.DataFrame, ClipSet]:
    """The clip table as it is, and as arrays together with its controls."""
    table, controls = read_table(clip_table), read_table(controls_table)
    if not table[["clip", "repeat"]].equals(controls[["clip", "repeat"]]):
        raise UserError(
            f"{clip_table} and {controls_table} are not of the same clips: delete both, so that "
            f"they are made again"
        )
    layers = count_layers(table)
    return table, ClipSet(
        layers=layers,
        counts=table[[f"{layer}_count" for layer in layers]].to_numpy(np.float64),
        permuted=controls[[f"permuted_{layer}_count" for layer in layers]].to_numpy(np.float64),
        pixel_count=controls["pixel_count"].to_numpy(np.float64),
        n_frames=table["n_frames"].to_numpy(np.float64),
        duration_s=table["duration_s"].to_numpy(np.float64),
        group=table["group"].to_numpy(dtype=object),
        first=(table["repeat"] == 0).to_numpy(),
    )


def count_layers(table: pd.DataFrame) -> tuple[str, ...]:
    """Names of the layers whose counts a clip table holds, in its order."""
    counts = table.columns[table.columns.get_loc("duration_s") + 1 :]
    return tuple(name.removesuffix("_count") for name in counts)


def conditions(clips: ClipSet) -> list[Condition]:
    """The model itself, each layer alone, and the controls, as far as they were counted."""

    def fixed(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return lambda _train: values.reshape(len(values), -1)

    alone = [
        Condition("none", layer, fixed(clips.counts[:, index]))
        for index, layer in enumerate(clips.layers)
    ]
    found = [
        Condition("none", "all", fixed(clips.counts)),
        *alone,
        Condition("mean_duration", "all", fixed(clips.n_frames)),
        Condition("constant_rate", "all", clips.metronome),
        Condition("frame_count", "all", fixed(clips.n_frames)),
        Condition("permuted", "all", fixed(clips.permuted)),
    ]
    if not np.isnan(clips.pixel_count).any():
        found.append(Condition("pixel_change", "all", fixed(clips.pixel_count)))
    return found


def split_folds(groups: np.ndarray, folds: int) -> np.ndarray:
    """Fold that holds each row out; a group is never split.

    Parameters
    ----------
    groups : (rows,) names.
    folds : the config's ``duration.folds``, used from ten groups on (at most as many folds as
        groups); below, each group is a fold.

    Returns
    -------
    (rows,) int64, 0-based.
    """
    n_groups = len(np.unique(groups))
    few = n_groups < ENOUGH_GROUPS
    splitter = LeaveOneGroupOut() if few else GroupKFold(min(folds, n_groups))
    held_out = np.empty(len(groups), dtype=np.int64)
    for fold, (_, test) in enumerate(splitter.split(groups, groups=groups)):
        held_out[test] = fold
    return held_out


def predict_folds(
    name: str, condition: Condition, clips: ClipSet, held_out: np.ndarray
) -> np.ndarray:
    """Out-of-fold predictions, (rows,) s: everything is fitted without the fold's groups."""
    predicted = np.empty(len(held_out))
    for fold in np.unique(held_out):
        test = held_out == fold
        train = ~test & clips.first
        inputs = condition.inputs(train)
        fitted = condition.regression(name).fit(inputs[train], clips.duration_s[train])
        predicted[test] = fitted.predict(inputs[test])
    return predicted


@dataclass(frozen=True)
class Evaluation:
    """One regression under one condition."""

    estimator: str
    condition: Condition
    scores: list[dict]
    predicted: np.ndarray
    model: RegressorMixin


def evaluate(name: str, condition: Condition, clips: ClipSet, held_out: np.ndarray) -> Evaluation:
    """Score one regression under one condition, in-sample and out of fold.

    Parameters
    ----------
    name : see `make_estimator`.
    held_out : (rows,) see `split_folds`.

    Returns
    -------
    Rows of the table of scores, (rows,) out-of-fold predictions in s, and the model fitted on
    all clips.
    """
    inputs = condition.inputs(clips.first)
    model = condition.regression(name).fit(inputs[clips.first], clips.duration_s[clips.first])
    predicted = predict_folds(name, condition, clips, held_out)
    few = len(np.unique(clips.group)) < ENOUGH_GROUPS
    rows = []
    for split, seconds in (("train", model.predict(inputs)), ("test", predicted)):
        each_group = split == "test" and (few or condition.is_model)
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
    duration: dict,
    metric: str,
    threshold: str,
) -> None:
    """Fit, predict out of fold, score beside the controls, and save the models of all clips.

    With several repeats of a clip the regressions learn from its first one, as if each clip
    had been seen once, and predict all of them.

    Parameters
    ----------
    clip_table, controls_table : see `chronovision.clips.build_clip_table`.
    predictions_out : TSV, see `PREDICTION_COLUMNS`; of the models of all layers.
    scores_out : TSV, see `chronovision.scores.COLUMNS`. From ten groups on single groups are
        scored for the models of all layers alone.
    model_out : skops file, see `chronovision.model_file`.
    duration : the config's ``duration``: ``estimators`` and ``folds``.
    metric, threshold : of the clip table.

    Where no model can be fitted (no clips, fewer than three groups, one duration only, frame rates
    that differ too much, one file in two groups), the tables have no rows, their
    provenance says why (``why_empty``), and so does the skops file.
    """
    provenance = read_provenance(clip_table)
    config = {key: duration[key] for key in ("estimators", "folds")}
    config |= {"metric": metric, "threshold": threshold}
    provenance = add_step(provenance, "fit_duration_model", config, PACKAGES)
    try:
        table, clips, held_out = _read_fittable(
            clip_table, controls_table, provenance, duration["folds"]
        )
    except NoFitError as error:
        log.warning("no model: %s", error)
        provenance["why_empty"] = error.record()
        write_empty_results(predictions_out, scores_out, provenance)
        save_no_model(model_out, error.reason)
        return
    results = _evaluate_all(duration["estimators"], clips, held_out)
    _write_results(results, table, held_out, provenance, predictions_out, scores_out)
    models = _reusable(results)
    save_model(model_out, models, describe_set(provenance, clips.layers, metric, threshold))
    log.info("%d clips in %d folds", clips.first.sum(), held_out.max() + 1)


def _evaluate_all(
    estimators: Sequence[str], clips: ClipSet, held_out: np.ndarray
) -> list[Evaluation]:
    """Each regression under each condition, on one thread: then the sums are the same anywhere."""
    with threadpool_limits(1):
        return [
            evaluate(name, condition, clips, held_out)
            for name in estimators
            for condition in conditions(clips)
        ]


def _write_results(
    results: Sequence[Evaluation],
    table: pd.DataFrame,
    held_out: np.ndarray,
    provenance: Mapping,
    predictions_out: str | os.PathLike,
    scores_out: str | os.PathLike,
) -> None:
    """Write the predictions of the models of all layers, and the scores of all conditions."""
    predicted = [
        prediction_table(table, result.predicted, result.estimator, held_out)
        for result in results
        if result.condition.is_model
    ]
    predictions = pd.concat(predicted, ignore_index=True)
    write_table(predictions_out, predictions, PREDICTION_COLUMNS, provenance)
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
        check_comparable(provenance)
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


def check_comparable(provenance: Mapping) -> None:
    """Refuse a clip table that cannot be predicted from, by any model.

    Parameters
    ----------
    provenance : of the table.

    Raises
    ------
    NoFitError : it has no rows, or is of videos whose frame rates differ.
    """
    if "why_empty" in provenance:
        raise NoFitError(**provenance["why_empty"])
    refuse_mixed_rates(videos_with_clips(provenance), provenance["steps"]["dump_frames"])


def write_empty_results(
    predictions_out: str | os.PathLike, scores_out: str | os.PathLike, provenance: dict
) -> None:
    """Write tables of predictions and of scores without rows; `provenance` says why."""
    for path, columns in ((predictions_out, PREDICTION_COLUMNS), (scores_out, scores.COLUMNS)):
        write_table(path, pd.DataFrame(columns=list(columns)), columns, provenance)


def _reusable(results: Sequence[Evaluation]) -> dict[str, dict[str, RegressorMixin]]:
    """Models to be saved, {estimator: {control: model}}."""
    models: dict[str, dict[str, RegressorMixin]] = {}
    for result in results:
        if result.condition.is_model or result.condition.control in REUSABLE_CONTROLS:
            models.setdefault(result.estimator, {})[result.condition.control] = result.model
    return models


def prediction_table(
    clips: pd.DataFrame, predicted: np.ndarray, estimator: str, fold: np.ndarray | float
) -> pd.DataFrame:
    """Rows of a table of predictions, one for each row of the clip table."""
    table = clips[["clip", "video", "group", "duration_s"]]
    return table.assign(predicted_s=predicted, fold=fold, estimator=estimator)
