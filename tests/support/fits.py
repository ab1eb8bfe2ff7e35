"""Fits of the duration model to made sets."""

import re

from chronovision.core.provenance import read_provenance
from chronovision.duration.model import fit_duration_model
from support.sets import THRESHOLDS

PERCENTILES = {**THRESHOLDS, "range": "percentile"}


def fit(tables, folder, estimators=("ridge",), folds=5):
    outputs = [folder / name for name in ("predictions.tsv", "scores.tsv", "model.skops")]
    fit_duration_model(
        **dict(zip(("clips", "controls"), tables, strict=True)),
        duration={"estimators": list(estimators), "folds": folds, "apply": None},
        metric="correlation",
        threshold="dynamic",
        **dict(zip(("predictions", "scores", "model"), outputs, strict=True)),
    )
    return outputs


def look_up(table, metric, control="none", layers="all", split="test", estimator="ridge"):
    chosen = (table["metric"] == metric) & (table["control"] == control)
    chosen &= (table["layers"] == layers) & (table["split"] == split)
    (value,) = table.loc[chosen & (table["estimator"] == estimator), "value"]
    return value


def assert_empty(paths, columns, said):
    """Tables of a header and no rows, whose provenance says why."""
    for path, names in zip(paths, columns, strict=True):
        assert path.read_text().splitlines() == ["\t".join(names)]
        why = read_provenance(path)["why_empty"]
        assert re.search(said, f"{why['reason']}: {why['remedy']}"), why
