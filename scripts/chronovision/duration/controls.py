"""Inputs of the regressions: the counts of all layers, of each layer alone, and the controls."""

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
    """A condition of the evaluation: the inputs that a regression is given.

    Attributes
    ----------
    control : str
        Name of the control; ``none`` for counts of the layers.
    layers : str
        Layer whose counts are given, or ``all``.
    inputs : callable
        Takes the training mask, (rows,) bool, and returns the inputs of every row,
        (rows, features) float64.
    """

    control: str
    layers: str
    inputs: Callable[[np.ndarray], np.ndarray]

    @property
    def is_model(self) -> bool:
        """Return whether this is the model itself: the counts of all layers."""
        return (self.control, self.layers) == ("none", "all")

    def regression(self, name: str) -> RegressorMixin:
        """Return the unfitted regression `name`; for mean durations one that ignores its input."""
        if self.control == "mean_duration":
            return DummyRegressor()
        return ESTIMATORS[name].make()


def constant_rate_counts(clips: ClipSet, train: np.ndarray) -> np.ndarray:
    """Return the counts of a clock that ticks at each layer's mean rate: floor(duration · rate).

    Parameters
    ----------
    clips : ClipSet
        The clips.
    train : (rows,) bool array
        Clips that the mean rate is computed from.

    Returns
    -------
    (rows, layers) float64 array

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> seconds, counts = np.array([1.0, 3.0]), np.array([[2.0], [6.0]])
    >>> clips = SimpleNamespace(duration_s=seconds, counts=counts)
    >>> constant_rate_counts(clips, np.array([True, False]))
    array([[2.],
           [6.]])
    """
    rate = clips.counts[train].sum(axis=0) / clips.duration_s[train].sum()
    return np.floor(clips.duration_s[:, np.newaxis] * rate)


def conditions(clips: ClipSet) -> list[Condition]:
    """Return the model itself, each layer alone, and the controls as far as they were counted."""
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
    """Return a function whose inputs do not depend on the clips of training."""
    return lambda _train: values.reshape(len(values), -1)
