"""The page of one video, complete in one file."""

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from chronovision.core.columns import THRESHOLD, layer_columns
from chronovision.core.files import read_json
from chronovision.core.keys import Paths, VariantPaths, by_stem, by_variant_folder
from chronovision.core.labels import variant_label
from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_blocks, read_table, read_values
from chronovision.core.timing import nominal_interval, span_duration
from chronovision.report.page import (
    as_yaml,
    data_uri,
    embedded_figure,
    render,
    untrained_banner,
)
from chronovision.videos.thumbnails import nearest_thumbnails, shrink

#: Most rows of a table of segments on a page; the rest is in its TSV.
MAX_SEGMENTS = 100
#: Size of a thumbnail in pixels.
_THUMBNAIL = 80


@dataclass(frozen=True)
class PageInputs:
    """Results of one video that its page shows.

    accumulators and segments are keyed by variant, figures by their name.
    """

    video: str
    facts: str | PathLike
    quality: str | PathLike
    features: str | PathLike
    thumbnails: str | PathLike
    accumulators: VariantPaths
    segments: VariantPaths
    figures: Paths

    @classmethod
    def from_files(cls, video: str, files: Mapping) -> "PageInputs":
        """Return inputs whose keys are read off their paths; `files`: field -> path or paths."""
        return cls(
            video=video,
            facts=files["facts"],
            quality=files["quality"],
            features=files["features"],
            thumbnails=files["thumbnails"],
            accumulators=by_variant_folder(files["accumulators"]),
            segments=by_variant_folder(files["segments"]),
            figures=by_stem(files["figures"]),
        )


def render_page(*, inputs: PageInputs, page: str | PathLike) -> None:
    """Write the page of one video: facts, quality, timelines with segments, figures, provenance.

    Parameters
    ----------
    inputs : PageInputs
        Results to show.
    page : path-like
        HTML file. The overview is expected beside it as ``index.html``. Tables that the page names
        are given by their paths from its folder.
    """
    provenance = read_provenance(inputs.features)
    figures = {name: embedded_figure(name, path) for name, path in inputs.figures.items()}
    timelines = [
        {
            "variant": variant_label(variant),
            "figure": figures.pop(f"timeline.{variant}", None),
            "segments": _segments(path, inputs.thumbnails),
            "table": os.path.relpath(path, Path(page).parent),
        }
        for variant, path in inputs.segments.items()
    ]
    render(
        page,
        "video.html",
        video=inputs.video,
        facts=read_json(inputs.facts),
        analysed=_analysed(provenance, next(iter(inputs.accumulators.values()))),
        notes=read_table(inputs.quality).to_dict("records"),
        counts=_final_counts(inputs.accumulators),
        variants=[variant_label(variant) for variant in inputs.accumulators],
        timelines=timelines,
        figures=list(figures.values()),
        banner=untrained_banner(provenance["network"]),
        network=provenance["network"],
        software=provenance["software"],
        steps=as_yaml(_all_steps(provenance, inputs.segments)),
    )


def _segments(path: str | PathLike, thumbnails: str | PathLike) -> dict:
    """Return rows of a table of segments, each with a thumbnail from about its middle."""
    table = read_table(path)
    shown = table.head(MAX_SEGMENTS)
    ends = table["start_s"] + table["duration_s"]
    # Rounding, or a short last interval at a variable rate, may take an end past the next start.
    ends = np.fmin(ends, table["start_s"].shift(-1))
    pictures = nearest_thumbnails(thumbnails, shown["start_s"], ends.head(MAX_SEGMENTS))
    rows = [
        row | {"thumbnail": data_uri(shrink(picture, _THUMBNAIL), "jpeg")}
        for row, picture in zip(shown.to_dict("records"), pictures, strict=True)
    ]
    return {"rows": rows, "total": len(table)}


def _analysed(provenance: Mapping, accumulators: str | PathLike) -> dict:
    """Describe which part of the video was analysed, and its frames."""
    used = provenance["steps"]["dump_frames"]
    time_s = read_values(accumulators, ["time_s"])[:, 0]
    return {
        "start_s": used["start_s"] or 0.0,
        "is_part": used["start_s"] is not None or used["end_s"] is not None,
        "n_frames": len(time_s),
        "duration_s": span_duration(time_s),
        "rate": 1 / nominal_interval(time_s),
    }


def _final_counts(accumulators: VariantPaths) -> list[dict]:
    """Return for each layer the counts of the whole video, and the thresholds."""
    layers: dict[str, list[dict]] = {}
    for path in accumulators.values():
        blocks = read_blocks(path)
        first = next(blocks)
        (last,) = deque(blocks, maxlen=1) or [first]
        for layer, name in layer_columns(first.columns).items():
            threshold = first[f"{layer}{THRESHOLD}"].iloc[0]
            cell = {"count": int(last[name].iloc[-1]), "threshold": float(threshold)}
            layers.setdefault(layer, []).append(cell)
    return [{"layer": layer, "cells": cells} for layer, cells in layers.items()]


def _all_steps(provenance: Mapping, segments: VariantPaths) -> dict:
    """Return the settings of each stage up to the features, then those of each variant."""
    steps = dict(provenance["steps"])
    for variant, path in segments.items():
        later = read_provenance(path)["steps"]
        steps[str(variant)] = {name: used for name, used in later.items() if name not in steps}
    return steps
