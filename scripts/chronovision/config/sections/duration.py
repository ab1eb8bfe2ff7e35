"""Section `duration` of the config."""

from typing import Annotated, Literal

from chronovision.config.fields import UNIQUE, Path, Section, key


class Duration(Section):
    """The model that predicts seconds from counts of salient changes, and its cross-validation."""

    estimators: Annotated[list[Literal["svr", "ridge", "svr_published"]], UNIQUE] = key(
        ["svr", "ridge"],
        "estimators to fit; an empty list fits none",
        details="`svr`: support vector regression (RBF) on standardised counts. `ridge`: ridge "
        "regression. `svr_published`: C = 1e3, gamma = 1e-4, raw counts.",
        source="R19 for `svr_published`, else ours",
    )
    folds: int = key(
        5,
        "folds of the cross-validation, from 10 groups on",
        details="With fewer, one group is left out at a time. No group is in both parts of a fold.",
        unit="folds",
        source="ours",
        ge=2,
    )
    apply: Path | None = key(
        None,
        "path of another set's model.skops to predict this set with, or null",
        unit="path",
        source="ours",
    )
