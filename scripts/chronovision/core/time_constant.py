"""The time constant τ of the dynamic threshold, in seconds or in frames."""

from collections.abc import Mapping
from typing import NamedTuple


class TimeConstant(NamedTuple):
    """The time constant τ and its clock.

    Attributes
    ----------
    value : float
        In seconds, or in rows of the analysed series.
    in_frames : bool
        Whether the clock counts frames, as published. Otherwise it runs in seconds.
    """

    value: float
    in_frames: bool

    @classmethod
    def of(cls, dynamic: Mapping) -> "TimeConstant":
        """Return the one in the config's ``thresholds.dynamic``: ``tau_frames`` or ``tau_s``."""
        if dynamic["tau_frames"] is not None:
            return cls(float(dynamic["tau_frames"]), True)
        return cls(float(dynamic["tau_s"]), False)

    def __str__(self) -> str:
        """Return the value with its unit."""
        return f"{self.value:g} {'frames' if self.in_frames else 's'}"
