"""Whose a file in a results folder is, by its path: of which video, metric and threshold."""

import re
from pathlib import PurePath
from typing import NamedTuple

from chronovision.videos.table import RESERVED, VIDEO_ID

#: What stands in capitals in `PATTERNS`.
PARTS = {
    "KIND": r"METRIC\.THRESHOLD",
    "LOG": r"(logs|benchmarks)",
    "END": r"\.(log|tsv)",
    "TABLE": r"\.(tsv|json)",
    "METRIC": r"(?P<metric>correlation|euclidean|cosine)",
    "THRESHOLD": r"(?P<threshold>static|dynamic)",
    "VIDEO": rf"(?P<video>{VIDEO_ID.pattern})",
    "WEIGHTS": r"(?P<weights>[A-Za-z0-9_.-]+)",
}

#: What the rules write of a video, a metric, a threshold or a network.
PATTERNS = (
    r"videos/VIDEO\.json",
    r"(frames|features)/VIDEO\.h5",
    r"pieces/VIDEO/\d+of\d+\.h5",
    r"pixels/VIDEO(TABLE|\.thumbnails\.h5)",
    r"images/VIDEO/\d{6,}\.(jpg|png)",
    r"weights/WEIGHTS\.(pth|json)",
    r"changes/METRIC/VIDEOTABLE",
    r"ranges/METRICTABLE",
    r"(accumulators|segments)/KIND/VIDEOTABLE",
    r"quality/VIDEOTABLE",
    r"clips/(controls/)?KINDTABLE",
    r"duration/KIND/((predictions|scores)TABLE|model\.skops)",
    r"duration/applied/(predictions|scores)TABLE",
    r"figures/VIDEO/(heatmaps|similarity)\.png",
    r"figures/VIDEO/(counts|changes)\.METRIC\.png",
    r"figures/VIDEO/timeline\.KIND\.png",
    r"figures/set/(predicted_vs_real|counts_vs_duration)\.KIND\.png",
    r"figures/set/(static_vs_dynamic|metric_vs_metric)\.png",
    r"report/VIDEO\.html",
    r"LOG/(probe_video|dump_frames|describe_frames|export_images|extract_features)/VIDEOEND",
    r"LOG/(check_quality|plot_video|render_page)/VIDEOEND",
    r"LOG/extract_piece/VIDEO\.\d+of\d+END",
    r"LOG/measure_changes/METRIC\.VIDEOEND",
    r"LOG/(accumulate_changes|segment_video)/THRESHOLD\.VIDEOEND",
    r"LOG/pool_ranges/METRICEND",
    r"LOG/(build_clip_table|fit_duration_model)/KINDEND",
    r"LOG/fetch_weights/WEIGHTSEND",
)


class Owner(NamedTuple):
    """What a file is of; None where it is of all."""

    video: str | None = None
    metric: str | None = None
    threshold: str | None = None
    weights: str | None = None


def owner_of(path: PurePath) -> Owner | None:
    """What a file of this path, from the results folder, is of; None if no rule writes such a one.

    Pages, tables and figures that every set has (``report/index.html``,
    ``accumulators/summary.tsv``) are of all sets and so of no video.
    """
    for pattern in _COMPILED:
        found = pattern.fullmatch(path.as_posix())
        if found and found.groupdict().get("video", "").casefold() not in RESERVED:
            return Owner(**found.groupdict())
    return None


def _compiled(pattern: str) -> re.Pattern:
    for name, part in PARTS.items():
        pattern = pattern.replace(name, part)
    return re.compile(pattern)


_COMPILED = [_compiled(pattern) for pattern in PATTERNS]
