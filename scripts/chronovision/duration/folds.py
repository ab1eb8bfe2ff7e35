"""Cross-validation by groups: a clip is predicted by a model that has seen no clip of its group."""

import numpy as np
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from chronovision.duration.clip_set import ClipSet
from chronovision.duration.comparability import is_small_set
from chronovision.duration.controls import Condition


def split_folds(groups: np.ndarray, folds: int) -> np.ndarray:
    """Assign a fold to each row; a group is never split, so that there is no leakage.

    Parameters
    ----------
    groups : (rows,) str array
        Group of each row.
    folds : int
        The config's ``duration.folds``. It counts from `ENOUGH_GROUPS` on, with at most as many
        folds as groups. With fewer groups each group is a fold.

    Returns
    -------
    (rows,) int64 array
        Fold that holds the row out, 0-based.

    Examples
    --------
    >>> split_folds(np.array(["a", "a", "b", "c"]), folds=5)
    array([0, 0, 1, 2])
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
    """Return out-of-fold predictions: everything is fitted without the fold's groups.

    Parameters
    ----------
    name : str
        Name of an estimator, see `chronovision.duration.estimators.ESTIMATORS`.
    condition : Condition
        Inputs of the regression.
    clips : ClipSet
        The clips.
    fold_of_row : (rows,) int64 array
        See `split_folds`.

    Returns
    -------
    (rows,) float64 array
        Predicted durations in seconds.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from chronovision.duration.controls import Condition
    >>> seconds = np.array([1.0, 2.0, 3.0])
    >>> clips = SimpleNamespace(duration_s=seconds, first=np.full(3, True))
    >>> mean = Condition("mean_duration", "all", lambda train: np.zeros((3, 1)))
    >>> predict_folds("ridge", mean, clips, np.array([0, 1, 2]))
    array([2.5, 2. , 1.5])
    """
    predicted = np.empty(len(fold_of_row))
    for fold in np.unique(fold_of_row):
        test = fold_of_row == fold
        train = ~test & clips.first
        inputs = condition.inputs(train)
        model = condition.regression(name).fit(inputs[train], clips.duration_s[train])
        predicted[test] = model.predict(inputs[test])
    return predicted
