"""What of a results folder stands: the videos of its table, and what its last report asked for."""

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
class Standing:
    """What stands in a results folder.

    Attributes
    ----------
    videos : ids of the set: those of the table that `make run` keeps there or of the last report,
        whichever is newer, since a run of Snakemake alone may take another table; without either
        those of the summary of counts, else all of which something is stored.
    listed : ids of that table, whether it is the newer one or not; empty without one.
    named_ns : time of what names the videos; None if nothing but the files themselves does.
    made_ns : time of the last report, or of the summary; None without either. Files that are newer
        may be of a run that has not come to its end.
    report : ``provenance.json``; empty if there is none, or if it is incomplete.
    """

    videos: list[str]
    listed: frozenset[str]
    named_ns: int | None
    made_ns: int | None
    report: Mapping[str, Any]

    @property
    def is_known(self) -> bool:
        """Whether anything but the files themselves names the videos."""
        return self.named_ns is not None

    def asks_for(self, path: PurePath) -> bool:
        """Whether the last report's config asks for a file of this path, from the folder."""
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
            case ("duration", kind, _):
                return kind in self.report.get("fits", [kind])
            case ("figures", "set", "static_vs_dynamic.png"):
                return len(thresholds) > 1
            case ("figures", "set", "metric_vs_metric.png"):
                return len(metrics) > 1
        return True


def read_standing(root: Path) -> Standing:
    """What stands in the results folder `root`; UserError if it is none."""
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
    return Standing(sorted(videos), frozenset(listed or ()), named_ns, made_ns, report)


def _report(results: Results) -> dict[str, Any]:
    """The record of the last report; empty if there is none with all that is read of it."""
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
    """Videos of the table that `make run` keeps in the folder; None without a readable one."""
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
    """The folder of videos whose set this is; None if no survey wrote it, or it was cut short."""
    try:
        return str(read_json(Results(home).survey)["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
