"""Tables of scores for the report: the model beside its controls."""

import pandas as pd

from chronovision.core.variants import Variant
from chronovision.duration.comparability import ENOUGH_GROUPS, is_small_set
from chronovision.duration.estimators import estimator_label

#: Metric of a score -> heading with unit.
HEADINGS = {
    "r2": "R² (no unit)",
    "rmse_s": "RMSE (s)",
    "mae_s": "MAE (s)",
    "relative_error": "relative error (no unit)",
    "slope": "slope (s/s)",
    "intercept_s": "intercept (s)",
}

CONTROLS = {
    "mean_duration": "control: mean duration",
    "constant_rate": "control: constant rate",
    "frame_count": "control: frame count",
    "permuted": "control: permuted changes",
    "pixel_change": "control: pixel changes",
}


def score_table(variant: Variant, scores: pd.DataFrame) -> dict:
    """Return the out-of-fold scores of one variant, arranged for reading.

    Below `ENOUGH_GROUPS`, R² over all clips is left out, and every group has a row of its own.

    Parameters
    ----------
    variant : Variant
        Variant of the scores.
    scores : DataFrame
        See `chronovision.duration.scores.COLUMNS`.

    Returns
    -------
    dict
        With the following keys:

        - ``variant``, ``n_groups``
        - ``is_small_set``: whether there are fewer than ``enough`` groups
        - ``columns``: headings
        - ``rows``: estimator, label, is_model and values of each row
        - ``groups``: the same with the group as label; empty with `ENOUGH_GROUPS` or more
        - ``slopes``: sentences that compare slopes
    """
    return {"variant": variant, **_arrange(scores, "test")}


def applied_table(scores: pd.DataFrame) -> dict:
    """Return the scores of a model of another set, arranged as in `score_table`."""
    return {"variant": None, **_arrange(scores, "applied")}


def _arrange(scores: pd.DataFrame, split: str) -> dict:
    overall = scores[scores["split"] == split]
    n_groups = int(overall["n_groups"].iloc[0])
    small = is_small_set(n_groups)
    metrics = [name for name in overall["metric"].unique() if not (small and name == "r2")]
    is_model = (scores["control"] == "none") & (scores["layers"] == "all")
    of_groups = scores[is_model & scores["split"].str.startswith(f"{split}:")]
    return {
        "is_small_set": small,
        "enough": ENOUGH_GROUPS,
        "n_groups": n_groups,
        "columns": [HEADINGS[name] for name in metrics],
        "rows": _rows(overall, metrics),
        "groups": _rows(of_groups, metrics, prefix=f"{split}:") if small else [],
        "slopes": _slopes(overall),
    }


def _rows(scores: pd.DataFrame, metrics: list[str], prefix: str = "") -> list[dict]:
    keys = ["estimator", "control", "layers", "split"]
    rows = []
    for (estimator, control, layers, split), part in scores.groupby(keys, sort=False):
        values = part.set_index("metric")["value"]
        rows.append(
            {
                "estimator": estimator_label(estimator),
                "label": split.removeprefix(prefix) if prefix else _label(control, layers),
                "is_model": control == "none" and layers == "all",
                "values": [float(values[name]) for name in metrics],
            }
        )
    return rows


def _label(control: str, layers: str) -> str:
    if control != "none":
        return CONTROLS[control]
    return "model: all layers" if layers == "all" else f"layer {layers} alone"


def _slopes(overall: pd.DataFrame) -> list[str]:
    """Yield for each estimator the slope of the model beside the slopes of its controls."""
    slopes = overall[overall["metric"] == "slope"]
    sentences = []
    for estimator, rows in slopes.groupby("estimator", sort=False):
        named = {
            _label(row.control, row.layers): row.value
            for row in rows.itertuples()
            if row.layers == "all"
        }
        model = named.pop("model: all layers")
        controls = ", ".join(
            f"{label.removeprefix('control: ')} {value:z.3f}" for label, value in named.items()
        )
        name = estimator_label(estimator)
        sentences.append(f"{name}: slope {model:z.3f} with all layers; controls: {controls}.")
    return sentences
