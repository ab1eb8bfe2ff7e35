"""Owner of a file in a results folder, from its path: the video, metric or threshold."""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from chronovision.core.metrics import METRICS
from chronovision.core.results import JOBS, job_pattern, output_patterns
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.videos.table import RESERVED, VIDEO_ID

_METRIC = rf"(?P<metric>{'|'.join(METRICS)})"
_THRESHOLD = rf"(?P<threshold>{'|'.join(THRESHOLD_KINDS)})"

#: Regular expressions of the wildcards in paths.
WILDCARDS = {
    "metric": _METRIC,
    "threshold": _THRESHOLD,
    "variant": rf"{_METRIC}\.{_THRESHOLD}",
    "video": rf"(?P<video>{VIDEO_ID.pattern})",
    "weights": r"(?P<weights>[A-Za-z0-9_.-]+)",
    "piece": r"\d+of\d+",
}

#: Regular expressions of the files in outputs that are folders.
INSIDE = {"images": r"/\d{6,}\.(jpg|png)"}

#: Outputs that every set has, whatever its videos and its config.
OF_ALL_SETS = ("summary", "report", "methods", "references", "provenance")


class Owner(NamedTuple):
    """The video, metric, threshold or network that a file belongs to; None where it is of all."""

    video: str | None = None
    metric: str | None = None
    threshold: str | None = None
    weights: str | None = None


def owner_of(path: PurePath) -> Owner | None:
    """Return the owner of a file by its path from the results folder; None if no rule writes it.

    Pages, tables and figures that every set has (``report/index.html``,
    ``accumulators/summary.tsv``) are of all sets and so of no video.
    """
    for form in _FORMS:
        found = form.fullmatch(path.as_posix())
        if found and found.groupdict().get("video", "").casefold() not in RESERVED:
            return Owner(**found.groupdict())
    return None


def _forms() -> Iterator[str]:
    """Return regular expressions of the paths of all files that may be left over."""
    for name, pattern in output_patterns().items():
        if name not in OF_ALL_SETS:
            stem, is_table = pattern.removesuffix(".tsv"), pattern.endswith(".tsv")
            ending = r"\.(tsv|json)" if is_table else INSIDE.get(name, "")
            yield _form(stem) + ending
    for rule, wildcards in JOBS.items():
        if wildcards is not None:
            yield _form(job_pattern("logs", rule)) + r"\.log"
            yield _form(job_pattern("benchmarks", rule)) + r"\.tsv"


def _form(pattern: str) -> str:
    """Return the regular expression of a pattern."""
    parts = re.split(r"\{(\w+)\}", pattern)
    return "".join(
        WILDCARDS[part] if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )


_FORMS = [re.compile(form) for form in _forms()]
