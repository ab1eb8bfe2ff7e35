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
from chronovision.duration.comparability import (
    NoFitError,
    describe_set,
    require_comparable_clips,
    require_same_set,
)
from chronovision.duration.model_file import PACKAGES, load_model
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.predictions import prediction_table, write_empty_results
from chronovision.duration.scores import COLUMNS as SCORE_COLUMNS
from chronovision.duration.scores import score_rows

log = logging.getLogger(__name__)


def apply_duration_model(
    *,
    model: str | os.PathLike,
    clips: Mapping[Variant, str | os.PathLike],
    predictions: str | os.PathLike,
    scores: str | os.PathLike,
) -> None:
    """Predict the clips of this set with a model that was fitted on another.

    The model may be unusable: no model at all, no clips, or a set that differs in metric,
    threshold, network, weights, layers, precision, frame size, geometry, frame rate or thresholds.
    Then the tables have no rows, and their provenance says why (``why_empty``).

    Parameters
    ----------
    model : path-like
        File written by `chronovision.duration.model.fit_duration_model`.
    clips : mapping of Variant to path-like
        Variant -> clip table. The table of the model's variant is used.
    predictions : path-like
        TSV to write, see `chronovision.duration.predictions.COLUMNS`; ``fold`` is ``n/a``.
    scores : path-like
        TSV to write, see `chronovision.duration.scores.COLUMNS`. The split is ``applied``, over all
        clips and for each group. The other set's mean duration and frame count serve as controls.
    """
    provenance = read_provenance(next(iter(clips.values())))
    config: dict = {"apply": str(model)}
    try:
        loaded = load_model(model)
        fitted_on = config["model_set"] = loaded["set"]
        path = _table_for(model, fitted_on, clips)
        table, provenance = read_table(path), read_provenance(path)
        require_comparable_clips(provenance)
        layers = [*layer_columns(table.columns)]
        ours = describe_set(provenance, layers, fitted_on["metric"], fitted_on["threshold"])
        require_same_set(model, fitted_on, ours)
    except NoFitError as error:
        log.warning("no predictions: %s", error)
        provenance = add_step(provenance, "apply_duration_model", config, PACKAGES)
        provenance["why_empty"] = error.record()
        write_empty_results(predictions, scores, provenance)
        return
    predicted, rows = _predict(loaded["regressions"], table)
    provenance = add_step(provenance, "apply_duration_model", config, PACKAGES)
    write_table(predictions, predicted, PREDICTION_COLUMNS, provenance)
    write_table(scores, rows, SCORE_COLUMNS, provenance)
    log.info("%d clips predicted from %s", len(table), path)


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
            rows += score_rows(labels, "applied", duration, predicted, group, each_group=True)
            if control == "none":
                tables.append(prediction_table(table, predicted, estimator, np.nan))
    return pd.concat(tables, ignore_index=True), pd.DataFrame(rows)
