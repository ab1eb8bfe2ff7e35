"""The current set of a results folder: the videos of its table, the config of its last report."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from chronovision.core.files import read_json
from chronovision.core.results import Results
from chronovision.core.tables import read_table
from chronovision.errors import UserError
from chronovision.inventory.layout import owner_of
from chronovision.videos.table import read_videos


@dataclass(frozen=True)
class CurrentSet:
    """The current set of a results folder.

    Attributes
    ----------
    videos : list of str
        Ids of the set. They come from the table that `make run` keeps there or from the last
        report, whichever is newer, since Snakemake alone may take another table. Without either
        they come from the summary of counts, or else from the stored files.
    listed : frozenset of str
        Ids of that table, even if it is the older one; empty without a table.
    named_ns : int or None
        Time of the file that names the videos; None if only the stored files do.
    made_ns : int or None
        Time of the last report, or of the summary; None without either. Newer files may belong to
        an unfinished run.
    report : mapping
        ``provenance.json``; empty if there is none, or if it is incomplete.
    """

    videos: list[str]
    listed: frozenset[str]
    named_ns: int | None
    made_ns: int | None
    report: Mapping[str, Any]

    @property
    def is_known(self) -> bool:
        """Return whether anything but the stored files names the videos."""
        return self.named_ns is not None

    def asks_for(self, path: PurePath) -> bool:
        """Return whether the last report's config asks for a file of this path, from the folder."""
        owner, config = owner_of(path), self.report.get("config")
        if owner is None or not config:
            return True
        metrics, thresholds = config["changes"]["metrics"], config["thresholds"]["kinds"]
        if owner.metric not in (None, *metrics) or owner.threshold not in (None, *thresholds):
            return False
        match path.parts:
            case ("ranges", _):
                return config["thresholds"]["scope"] == "set"
            case ("duration", "applied", _):
                return config["duration"]["apply"] is not None
            case ("duration", variant, _):
                return variant in self.report.get("fits", [variant])
            case ("figures", "set", "static_vs_dynamic.png"):
                return len(thresholds) > 1
            case ("figures", "set", "metric_vs_metric.png"):
                return len(metrics) > 1
        return True


def read_current_set(root: Path) -> CurrentSet:
    """Return the current set of the results folder `root`; UserError if it is none."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; RESULTS must name a results folder")
    results = Results(root)
    stored = {*results.features.found(), *results.video_facts.found()}
    if not stored:
        raise UserError(f"{root}: no features/ and no videos/ in it, so no results folder")
    report, listed = _report(results), _listed(results)
    last = results.provenance() if report else results.summary()
    reported = {*report["videos"]} if report else _summarised(last)
    made_ns = None if reported is None else os.stat(last).st_mtime_ns
    videos, named_ns = stored if reported is None else reported, made_ns
    if listed is not None:
        listed_ns = os.stat(results.videos_table).st_mtime_ns
        if made_ns is None or listed_ns > made_ns:
            # A video that no run has got to yet is not among the stored ones.
            videos, named_ns = listed & (stored | videos), listed_ns
    return CurrentSet(sorted(videos), frozenset(listed or ()), named_ns, made_ns, report)


def _report(results: Results) -> dict[str, Any]:
    """Return the record of the last report; empty if there is none or keys are missing."""
    try:
        report = read_json(results.provenance())
        config = report["config"]
        _ = report["videos"].keys(), report["weights"]["sha256"], config["changes"]["metrics"]
        _ = config["thresholds"]["kinds"], config["thresholds"]["scope"]
        _ = config["duration"]["apply"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return report


def _listed(results: Results) -> set[str] | None:
    """Return the videos of the table that `make run` keeps; None without a readable one."""
    if surveyed_folder(results.root) is None:
        return None
    try:
        return {*read_videos(results.videos_table)}
    except UserError:
        return None


def _summarised(summary: Path) -> set[str] | None:
    try:
        return {*read_table(summary, ["video"])["video"]}
    except (OSError, ValueError):
        return None


def surveyed_folder(home: Path) -> str | None:
    """Return the folder of videos that a survey made this set from; None if there was none."""
    try:
        return str(read_json(Results(home).survey)["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
