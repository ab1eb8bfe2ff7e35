"""The part of a video that is used."""

import math
from typing import NamedTuple


class Span(NamedTuple):
    """The part of a video from one time to another.

    Attributes
    ----------
    start_s, end_s : float or None
        Seconds from the first frame of the stream. None stands for its beginning, or its end.

    Examples
    --------
    >>> Span(start_s=10.0).duration_s(60.0)
    50.0
    """

    start_s: float | None = None
    end_s: float | None = None

    @property
    def first_s(self) -> float:
        """Time at which it begins: 0 without a `start_s`."""
        return self.start_s or 0.0

    def last_s(self, video_s: float) -> float:
        """Return the time at which it ends in a video that lasts `video_s`."""
        return min(self.end_s or math.inf, video_s)

    def duration_s(self, video_s: float) -> float:
        """Return how long it is in a video that lasts `video_s`; 0 if it begins after its end."""
        return max(self.last_s(video_s) - self.first_s, 0.0)
