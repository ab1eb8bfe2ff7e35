"""The regressions of duration (s) on counts: a registry, in which a new one is one entry.

scikit-learn is imported where a regression is made: pages, which only name them, do without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.base import RegressorMixin


@dataclass(frozen=True)
class Estimator:
    """A regression that the config can name in ``duration.estimators``.

    Attributes
    ----------
    name : str
        Name in the config, and in the column ``estimator`` of tables.
    label : str
        Name in prose and in figures.
    sentence : str
        Description with its parameters, as part of a sentence in a methods section.
    make : callable
        Function that returns the unfitted regression.
    """

    name: str
    label: str
    sentence: str
    make: "Callable[[], RegressorMixin]"


def estimator_label(name: str) -> str:
    """Return an estimator's name in prose; one that is not in the registry keeps its own name.

    A model that ``duration.apply`` names is a user's file, and may hold regressions of other names.
    """
    return ESTIMATORS[name].label if name in ESTIMATORS else name


def _svr() -> "RegressorMixin":
    """Standardised counts, RBF support vectors on the standardised duration; gamma = 1/layers.

    For durations of the usual list that is C ≈ 100 and ε ≈ 0.4 s in seconds; scaling the target
    makes the shrinkage the same for any list.
    """
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    machine = make_pipeline(StandardScaler(), SVR(C=5.0, epsilon=0.02))
    return TransformedTargetRegressor(machine, transformer=StandardScaler())


def _ridge() -> "RegressorMixin":
    """Standardised counts, ridge regression, penalty by efficient leave-one-out."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 3, 13)))


def _svr_published() -> "RegressorMixin":
    """RBF support vectors on raw counts (Roseboom et al. 2019).

    Its gamma depends on the size of the counts.
    """
    from sklearn.svm import SVR

    return SVR(C=1e3, gamma=1e-4)


#: The estimators by name.
ESTIMATORS: dict[str, Estimator] = {
    estimator.name: estimator
    for estimator in (
        Estimator(
            "svr",
            "SVR",
            "support vector regression with a radial basis function (counts and durations "
            "standardised; C = 5, ε = 0.02, gamma = 1/layers)",
            _svr,
        ),
        Estimator(
            "ridge",
            "ridge regression",
            "ridge regression (counts standardised; penalty by leave-one-out among 13 values "
            "from 10⁻³ to 10³)",
            _ridge,
        ),
        Estimator(
            "svr_published",
            "SVR as published",
            "support vector regression with a radial basis function on raw counts "
            "(C = 1000, gamma = 10⁻⁴) as published",
            _svr_published,
        ),
    )
}
