"""What a regression is given: the counts of all layers, of each alone, or a control."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.dummy import DummyRegressor

from chronovision.duration.clip_set import ClipSet
from chronovision.duration.estimators import ESTIMATORS


@dataclass(frozen=True)
class Condition:
    """What a regression is given: `inputs(train)` returns (rows, features) for all rows."""

    control: str
    layers: str
    inputs: Callable[[np.ndarray], np.ndarray]

    @property
    def is_model(self) -> bool:
        """Whether this is the model itself: the counts of all layers."""
        return (self.control, self.layers) == ("none", "all")

    def regression(self, name: str) -> RegressorMixin:
        """The unfitted regression `name`; for mean durations one that ignores its input."""
        if self.control == "mean_duration":
            return DummyRegressor()
        return ESTIMATORS[name].make()


def constant_rate_counts(clips: ClipSet, train: np.ndarray) -> np.ndarray:
    """Counts of a clock that ticks at each layer's mean rate: floor(duration · rate).

    Parameters
    ----------
    clips : the set.
    train : (rows,) bool, the clips that the rate is the mean of.

    Returns
    -------
    (rows, layers) float64.
    """
    rate = clips.counts[train].sum(axis=0) / clips.duration_s[train].sum()
    return np.floor(clips.duration_s[:, np.newaxis] * rate)


def conditions(clips: ClipSet) -> list[Condition]:
    """The model itself, each layer alone, and the controls, as far as they were counted."""
    alone = [
        Condition("none", layer, _fixed(clips.counts[:, index]))
        for index, layer in enumerate(clips.layers)
    ]
    found = [
        Condition("none", "all", _fixed(clips.counts)),
        *alone,
        Condition("mean_duration", "all", _fixed(clips.n_frames)),
        Condition("constant_rate", "all", partial(constant_rate_counts, clips)),
        Condition("frame_count", "all", _fixed(clips.n_frames)),
        Condition("permuted", "all", _fixed(clips.permuted)),
    ]
    if not np.isnan(clips.pixel_count).any():
        found.append(Condition("pixel_change", "all", _fixed(clips.pixel_count)))
    return found


def _fixed(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Inputs that do not depend on the clips that are learnt from."""
    return lambda _train: values.reshape(len(values), -1)
