"""Scores of predicted durations: errors, explained variance and regression line."""

from collections.abc import Mapping

import numpy as np

#: Columns of a table of scores, for its sidecar.
COLUMNS = {
    "estimator": ("regression that predicts seconds from counts", "name"),
    "control": (
        "what it was given: none = the counts; mean_duration = nothing, it predicts the mean "
        "duration in training; constant_rate = counts of a clock that ticks at each layer's mean "
        "rate in training; frame_count = frames of the clip; permuted = counts of the video's "
        "changes in random order; pixel_change = count of changes of the pixels",
        "name",
    ),
    "layers": ("the one layer whose counts were given, or all", "name"),
    "split": (
        "train = in-sample; test = out of fold, pooled over the folds; applied = by a model of "
        "another set; a suffix :<group> names the one group that was scored",
        "name",
    ),
    "metric": (
        "r2 = 1 - squared error / variance of the real durations; rmse_s, mae_s = error; "
        "relative_error = mean of |predicted - real| / real; slope, intercept_s = least-squares "
        "line of predicted on real",
        "name",
    ),
    "value": ("value of the metric; n/a where all real durations are equal", "by metric: s or 1"),
    "n_groups": ("independent groups among the scored clips", "count"),
}


def score(real: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return scores of predicted durations.

    With predictions p and real durations d: r2 = 1 − Σ(p − d)²/Σ(d − mean d)²;
    rmse_s = √mean((p − d)²); mae_s = mean|p − d|; relative_error = mean(|p − d|/d); slope and
    intercept_s are those of the least-squares line p = a + b·d. A slope below 1 alone says little:
    regularised regression shrinks, on controls as well.

    Parameters
    ----------
    real, predicted : (n,) float64 array
        Durations in seconds.

    Returns
    -------
    dict of str to float
        Name of the score -> value. r2, slope and intercept_s are NaN if all real durations are
        equal.

    Examples
    --------
    >>> scores = score(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 2.5]))
    >>> scores["r2"], scores["slope"], scores["intercept_s"]
    (0.75, 0.5, 1.0)
    """
    error = predicted - real
    spread = real - real.mean()
    variance = np.sum(spread**2)
    if np.ptp(real) == 0:
        r2 = slope = intercept = np.nan
    else:
        r2 = 1 - np.sum(error**2) / variance
        slope = np.sum(spread * (predicted - predicted.mean())) / variance
        intercept = predicted.mean() - slope * real.mean()
    return {
        "r2": float(r2),
        "rmse_s": float(np.sqrt(np.mean(error**2))),
        "mae_s": float(np.mean(np.abs(error))),
        "relative_error": float(np.mean(np.abs(error) / real)),
        "slope": float(slope),
        "intercept_s": float(intercept),
    }


def score_rows(
    labels: Mapping[str, str],
    split: str,
    real: np.ndarray,
    predicted: np.ndarray,
    groups: np.ndarray,
    *,
    each_group: bool,
) -> list[dict]:
    """Return rows of the table of scores: all clips together and, if asked, each group alone.

    Parameters
    ----------
    labels : mapping of str to str
        Values of the columns ``estimator control layers``.
    split : {'train', 'test', 'applied'}
        Value of the column ``split``.
    real, predicted : (n,) float64 array
        Durations in seconds.
    groups : (n,) str array
        Group of each clip.
    each_group : bool
        Whether each group is scored alone as well.

    Returns
    -------
    list of dict
    """
    names = np.unique(groups)
    parts = [(split, slice(None), len(names))]
    if each_group:
        parts += [(f"{split}:{name}", groups == name, 1) for name in names]
    return [
        {**labels, "split": part, "metric": metric, "value": value, "n_groups": n_groups}
        for part, chosen, n_groups in parts
        for metric, value in score(real[chosen], predicted[chosen]).items()
    ]
