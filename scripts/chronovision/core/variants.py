"""A variant of the analysis: by which metric change is measured, by which threshold it counts."""

from typing import NamedTuple


class Variant(NamedTuple):
    """A metric of change with a kind of threshold; ``str`` of it is what files are called.

    Attributes
    ----------
    metric : name of one of `chronovision.core.metrics.METRICS`.
    threshold : name of one of `chronovision.core.threshold_kinds.THRESHOLD_KINDS`.

    Examples
    --------
    >>> Variant.parse("correlation.static")
    Variant(metric='correlation', threshold='static')
    >>> f"clips/{Variant('cosine', 'dynamic')}.tsv"
    'clips/cosine.dynamic.tsv'
    """

    metric: str
    threshold: str

    @classmethod
    def parse(cls, name: str) -> "Variant":
        """The variant of this name, ``metric.threshold``.

        Raises
        ------
        ValueError : the name does not consist of two parts.
        """
        metric, threshold = name.split(".")
        return cls(metric, threshold)

    def __str__(self) -> str:
        """The name: ``metric.threshold``."""
        return f"{self.metric}.{self.threshold}"
