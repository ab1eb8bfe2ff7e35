"""Cross-validation by groups: no fold is predicted by what has seen any clip of its groups."""

import numpy as np
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from chronovision.duration.clip_set import ClipSet
from chronovision.duration.comparability import is_small_set
from chronovision.duration.controls import Condition


def split_folds(groups: np.ndarray, folds: int) -> np.ndarray:
    """Fold that holds each row out; a group is never split.

    Parameters
    ----------
    groups : (rows,) names.
    folds : the config's ``duration.folds``, used from `ENOUGH_GROUPS` on (at most as many folds as
        groups); below, each group is a fold.

    Returns
    -------
    (rows,) int64, 0-based.
    """
    n_groups = len(np.unique(groups))
    small = is_small_set(n_groups)
    splitter = LeaveOneGroupOut() if small else GroupKFold(min(folds, n_groups))
    fold_of_row = np.empty(len(groups), dtype=np.int64)
    for fold, (_, test) in enumerate(splitter.split(groups, groups=groups)):
        fold_of_row[test] = fold
    return fold_of_row


def predict_folds(
    name: str, condition: Condition, clips: ClipSet, fold_of_row: np.ndarray
) -> np.ndarray:
    """Out-of-fold predictions, (rows,) s: everything is fitted without the fold's groups."""
    predicted = np.empty(len(fold_of_row))
    for fold in np.unique(fold_of_row):
        test = fold_of_row == fold
        train = ~test & clips.first
        inputs = condition.inputs(train)
        model = condition.regression(name).fit(inputs[train], clips.duration_s[train])
        predicted[test] = model.predict(inputs[test])
    return predicted
