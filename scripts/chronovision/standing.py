"""What of a results folder stands: the videos of its table, and what its last report asked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from chronovision.errors import UserError
from chronovision.layout import owner_of
from chronovision.results_folder import surveyed_folder
from chronovision.store import read_json, read_table
from chronovision.video_table import read_videos


@dataclass(frozen=True)
class Standing:
    """What stands in a results folder.

    Attributes
    ----------
    videos : ids of the set: those of the table that `make run` keeps there, else of the last
        report, else of the summary of counts, else all of which something is stored.
    is_known : whether anything but the files themselves names them.
    has_table : whether it is the table.
    made_ns : time of the last report, or of the summary; files that are newer may be of a run that
        has not come to its end. None without either.
    report : ``provenance.json``; empty if there is none.
    """

    videos: list[str]
    is_known: bool
    has_table: bool
    made_ns: int | None
    report: Mapping[str, Any]

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
    paths = [*root.glob("features/*.h5"), *root.glob("videos/*.json")]
    if not paths:
        raise UserError(f"{root}: no features/ and no videos/ in it, so no results folder")
    stored, listed = {path.stem for path in paths}, _listed(root)
    report, path = {}, root / "provenance.json"
    try:
        report = read_json(path)
        reported = {*report["videos"]}
    except (OSError, ValueError, KeyError, TypeError):
        path = root / "accumulators/summary.tsv"
        reported = _summarised(path)
    made_ns = None if reported is None else os.stat(path).st_mtime_ns
    videos = stored if reported is None else reported
    if listed is not None:  # A video that no run has got to yet is not among the stored ones.
        videos = listed & (stored | videos)
    is_known = listed is not None or reported is not None
    return Standing(sorted(videos), is_known, listed is not None, made_ns, report)


def _listed(root: Path) -> set[str] | None:
    """Videos of the table that `make run` keeps in the folder; None without a readable one."""
    if surveyed_folder(root) is None:
        return None
    try:
        return {*read_videos(root / "videos.tsv")}
    except UserError:
        return None


def _summarised(summary: Path) -> set[str] | None:
    try:
        return {*read_table(summary, ["video"])["video"]}
    except (OSError, ValueError):
        return None
