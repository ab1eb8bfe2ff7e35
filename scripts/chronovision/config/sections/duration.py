"""Section `duration` of the config."""

from typing import Annotated, Literal, TypeAlias

from chronovision.config.fields import UNIQUE, Path, Section, key
from chronovision.duration.comparability import ENOUGH_GROUPS
from chronovision.duration.estimators import ESTIMATORS

# A checker does not know the names of a registry.
Estimator: TypeAlias = Literal[tuple(ESTIMATORS)]  # type: ignore[valid-type]


class Duration(Section):
    """The model that predicts seconds from counts of salient changes, and its cross-validation."""

    estimators: Annotated[list[Estimator], UNIQUE] = key(
        ["svr", "ridge"],
        "estimators to fit; an empty list fits none",
        details=" ".join(f"`{one.name}`: {one.sentence}." for one in ESTIMATORS.values()),
        source="R19 for `svr_published`, else ours",
    )
    folds: int = key(
        5,
        f"folds of the cross-validation, from {ENOUGH_GROUPS} groups on",
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
