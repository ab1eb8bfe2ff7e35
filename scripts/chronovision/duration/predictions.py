"""The table of predicted durations, and empty tables where nothing can be predicted."""

import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from chronovision.core.tables import write_table
from chronovision.duration.scores import COLUMNS as SCORE_COLUMNS

COLUMNS = {
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


def prediction_table(
    clips: pd.DataFrame, predicted: np.ndarray, estimator: str, fold: np.ndarray | float
) -> pd.DataFrame:
    """Return the rows of a table of predictions, one for each row of the clip table."""
    table = clips[["clip", "video", "group", "duration_s"]]
    return table.assign(predicted_s=predicted, fold=fold, estimator=estimator)


def write_empty_results(
    predictions: str | os.PathLike, scores: str | os.PathLike, provenance: Mapping
) -> None:
    """Write tables of predictions and scores without rows; `provenance` says why."""
    for path, columns in ((predictions, COLUMNS), (scores, SCORE_COLUMNS)):
        write_table(path, pd.DataFrame(columns=list(columns)), columns, provenance)
