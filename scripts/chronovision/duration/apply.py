"""Applying a duration model of another set to this one."""

import logging
import os
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from chronovision.core.columns import layer_columns
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import read_table, write_table
from chronovision.core.variants import Variant
from chronovision.duration import predictions, scores
from chronovision.duration.comparability import (
    NoFitError,
    describe_set,
    require_comparable_clips,
    require_same_set,
)
from chronovision.duration.model_file import PACKAGES, load_model

log = logging.getLogger(__name__)


def apply_duration_model(
    model_path: str | os.PathLike,
    clip_tables: Mapping[Variant, str | os.PathLike],
    predictions_out: str | os.PathLike,
    scores_out: str | os.PathLike,
) -> None:
    """Predict the clips of this set with a model that was fitted on another.

    The model may be unusable: no model at all, no clips, or a set that differs in metric,
    threshold, network, weights, layers, precision, frame size, geometry, frame rate or thresholds.
    Then the tables have no rows, and their provenance says why (``why_empty``).

    Parameters
    ----------
    model_path : path-like
        File written by `chronovision.duration.model.fit_duration_model`.
    clip_tables : mapping of Variant to path-like
        Variant -> clip table. The table of the model's variant is used.
    predictions_out : path-like
        TSV, see `chronovision.duration.predictions.COLUMNS`; ``fold`` is ``n/a``.
    scores_out : path-like
        TSV, see `chronovision.duration.scores.COLUMNS`. The split is ``applied``, over all clips
        and for each group. The other set's mean duration and frame count serve as controls.
    """
    provenance = read_provenance(next(iter(clip_tables.values())))
    config: dict = {"apply": str(model_path)}
    try:
        model = load_model(model_path)
        config["model_set"] = model["set"]
        clips = _table_for(model_path, model["set"], clip_tables)
        table, provenance = read_table(clips), read_provenance(clips)
        require_comparable_clips(provenance)
        layers = [*layer_columns(table.columns)]
        ours = describe_set(provenance, layers, model["set"]["metric"], model["set"]["threshold"])
        require_same_set(model_path, model["set"], ours)
    except NoFitError as error:
        log.warning("no predictions: %s", error)
        provenance = add_step(provenance, "apply_duration_model", config, PACKAGES)
        provenance["why_empty"] = error.record()
        predictions.write_empty_results(predictions_out, scores_out, provenance)
        return
    predicted, rows = _predict(model["regressions"], table)
    provenance = add_step(provenance, "apply_duration_model", config, PACKAGES)
    write_table(predictions_out, predicted, predictions.COLUMNS, provenance)
    write_table(scores_out, rows, scores.COLUMNS, provenance)
    log.info("%d clips predicted from %s", len(table), clips)


def _table_for(
    model_path: str | os.PathLike,
    model_set: Mapping,
    clip_tables: Mapping[Variant, str | os.PathLike],
) -> str | os.PathLike:
    """Return the clip table of a model's metric and threshold."""
    asked = Variant(model_set["metric"], model_set["threshold"])
    if asked not in clip_tables:
        raise NoFitError(
            f"{model_path} (duration.apply) predicts from {asked}, which the config does not "
            "compute",
            f"add {asked.metric} to changes.metrics and {asked.threshold} to thresholds.kinds",
        )
    return clip_tables[asked]


def _predict(
    regressions: Mapping[str, Mapping[str, RegressorMixin]],
    table: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of predictions and of scores."""
    counts = table[[*layer_columns(table.columns).values()]].to_numpy(np.float64)
    frames = table[["n_frames"]].to_numpy(np.float64)
    duration = table["duration_s"].to_numpy()
    group = table["group"].to_numpy(dtype=object)
    tables, rows = [], []
    for estimator, controls in regressions.items():
        for control, regression in controls.items():
            predicted = regression.predict(counts if control == "none" else frames)
            labels = {"estimator": estimator, "control": control, "layers": "all"}
            rows += scores.score_rows(
                labels, "applied", duration, predicted, group, each_group=True
            )
            if control == "none":
                tables.append(predictions.prediction_table(table, predicted, estimator, np.nan))
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)
