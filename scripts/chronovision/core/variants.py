"""Variants of the analysis: a metric of change together with a kind of threshold."""

from typing import NamedTuple


class Variant(NamedTuple):
    """A metric of change with a kind of threshold; its `str` names files and folders.

    Attributes
    ----------
    metric : str
        Name of one of `chronovision.core.metrics.METRICS`.
    threshold : str
        Name of one of `chronovision.core.threshold_kinds.THRESHOLD_KINDS`.

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
        """Return the variant of this name, ``metric.threshold``.

        Raises
        ------
        ValueError
            The name does not consist of two parts.
        """
        metric, threshold = name.split(".")
        return cls(metric, threshold)

    def __str__(self) -> str:
        """Return the name, ``metric.threshold``."""
        return f"{self.metric}.{self.threshold}"
