"""Pages of the report: one for the set, one for each video, each complete in one file."""

import base64
import io
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from chronovision.captions import caption
from chronovision.labels import by_folder, by_kind_and_video, by_stem, kind_label
from chronovision.methods import cited_keys, methods_markdown, methods_paragraphs, spell_citations
from chronovision.references import REFERENCES, bibliography
from chronovision.score_tables import applied_table, score_table
from chronovision.store import (
    read_blocks,
    read_json,
    read_provenance,
    read_table,
    read_values,
    write_json,
    write_text,
)
from chronovision.thumbnails import nearest_thumbnails, shrink
from chronovision.timing import nominal_interval, span_duration

Paths = Mapping[str, str | PathLike]

#: Rows of a table of segments on a page; the rest is in its TSV.
MAX_SEGMENTS = 100
_THUMBNAIL = 80  # pixels

#: Greatest width and height of a WebP, in pixels.
MAX_WEBP = 16383

UNTRAINED = (
    "UNTRAINED NETWORK: the weights are random. All numbers and figures show that the pipeline "
    "runs, and serve as a control; they say nothing of what a trained network responds to."
)


@dataclass(frozen=True)
class PageInputs:
    """Results of one video that its page shows.

    accumulators and segments are keyed by ``metric.threshold``, figures by their name.
    """

    video: str
    facts: str | PathLike
    quality: str | PathLike
    features: str | PathLike
    thumbnails: str | PathLike
    accumulators: Paths
    segments: Paths
    figures: Paths

    @classmethod
    def from_files(cls, video: str, files: Mapping) -> "PageInputs":
        """Inputs whose keys are read off their paths; `files`: field -> path or paths."""
        return cls(
            video=video,
            **{name: files[name] for name in ("facts", "quality", "features", "thumbnails")},
            accumulators=by_folder(files["accumulators"]),
            segments=by_folder(files["segments"]),
            figures=by_stem(files["figures"]),
        )


@dataclass(frozen=True)
class SetInputs:
    """Results of a set that the overview shows.

    facts (``videos/*.json``) and quality are keyed by video, in the order of the table shown;
    segments by ``(metric.threshold, video)``; figures by name; scores by ``metric.threshold``,
    empty without a fit. applied: scores of a model of another set, if one was used. groups and
    scenes: video -> what the table of videos says.
    """

    facts: Paths
    quality: Paths
    summary: str | PathLike
    weights: str | PathLike
    segments: Mapping[tuple[str, str], str | PathLike]
    figures: Paths
    scores: Paths
    applied: str | PathLike | None
    groups: Mapping[str, str]
    scenes: Mapping[str, str | None]

    @classmethod
    def from_files(
        cls, files: Mapping, groups: Mapping[str, str], scenes: Mapping[str, str | None]
    ) -> "SetInputs":
        """Inputs whose keys are read off their paths; `files`: field -> path or paths."""
        return cls(
            facts=by_stem(files["facts"]),
            quality=by_stem(files["quality"]),
            summary=files["summary"],
            weights=files["weights"],
            segments=by_kind_and_video(files["segments"]),
            figures=by_stem(files["figures"]),
            scores=by_folder(files.get("scores", [])),
            applied=next(iter(files.get("applied", [])), None),
            groups=groups,
            scenes=scenes,
        )


def render_page(output: str | PathLike, inputs: PageInputs) -> None:
    """Write the page of one video: facts, quality, timelines with segments, figures, provenance.

    Parameters
    ----------
    output : HTML file; the overview is expected beside it as ``index.html``.
    inputs : what is shown.
    """
    provenance = read_provenance(inputs.features)
    figures = {name: _figure(name, path) for name, path in inputs.figures.items()}
    timelines = [
        {
            "kind": kind_label(kind),
            "figure": figures.pop(f"timeline.{kind}", None),
            "segments": _segments(path, inputs.thumbnails),
            "table": f"segments/{kind}/{inputs.video}.tsv",
        }
        for kind, path in inputs.segments.items()
    ]
    _render(
        output,
        "video.html",
        video=inputs.video,
        facts=read_json(inputs.facts),
        analysed=_analysed(provenance, next(iter(inputs.accumulators.values()))),
        notes=read_table(inputs.quality).to_dict("records"),
        counts=_final_counts(inputs.accumulators),
        kinds=[kind_label(kind) for kind in inputs.accumulators],
        timelines=timelines,
        figures=list(figures.values()),
        banner=_banner(provenance["network"]),
        network=provenance["network"],
        software=provenance["software"],
        steps=_as_yaml(_all_steps(provenance, inputs.segments)),
    )


def render_report(
    index: str | PathLike,
    methods: str | PathLike,
    references: str | PathLike,
    *,
    inputs: SetInputs,
    config: Mapping,
) -> None:
    """Write the overview of a set, and its methods paragraph with references.

    Parameters
    ----------
    index : HTML file; pages of videos are expected beside it as ``{video}.html``.
    methods : Markdown file.
    references : BibTeX file.
    inputs : what is shown.
    config : the whole config.
    """
    provenance = _set_provenance(inputs)
    weights = read_json(inputs.weights)
    banner = _banner(provenance["network"], weights["reason"])
    n_groups = len(set(inputs.groups.values()))
    paragraphs = methods_paragraphs(config, provenance, n_groups, fitted=bool(inputs.scores))
    keys = cited_keys(paragraphs)
    summary = read_table(inputs.summary)
    _render(
        index,
        "index.html",
        banner=banner,
        provenance=provenance,
        network=provenance["network"],
        weights=weights,
        videos=[_video_row(video, inputs, summary) for video in inputs.facts],
        has_scenes=any(inputs.scenes.values()),
        kinds=[".".join(pair) for pair in _kinds(summary)],
        layers=[name.removesuffix("_count") for name in summary.columns[5:]],
        figures=[_figure(name, path) for name, path in inputs.figures.items()],
        scores=[score_table(kind, read_table(path)) for kind, path in inputs.scores.items()],
        no_fit=None if inputs.scores else _why_no_fit(config, n_groups),
        applied=applied_table(read_table(inputs.applied)) if inputs.applied else None,
        apply=config["duration"]["apply"],
        config=_as_yaml(config),
        software=provenance["software"],
        methods=[spell_citations(text) for text in paragraphs],
        references=[REFERENCES[key] for key in keys],
    )
    write_text(methods, methods_markdown(paragraphs, banner and _as_markdown(banner)))
    write_text(references, bibliography(keys))


def write_set_provenance(output: str | PathLike, inputs: SetInputs, config: Mapping) -> None:
    """Write what made a set's numbers, as JSON: ``config software network weights videos``.

    Parameters
    ----------
    output : JSON file; the same inputs give the same bytes.
    inputs, config : as for `render_report`.

    Each video has its path, SHA-256 and stream, and the device and engine that its features were
    made with. `software` has the commit of the code, and whether it had been edited (`dirty`).
    """
    provenance = _set_provenance(inputs)
    made = {}
    for (_, video), path in inputs.segments.items():
        made.setdefault(video, read_provenance(path)["network"])
    videos = {
        video: {**about, "device": made[video]["device"], "engine": made[video]["engine"]}
        for video, about in provenance["videos"].items()
    }
    network = {k: v for k, v in provenance["network"].items() if k not in ("device", "engine")}
    about = {"software": provenance["software"], "network": network, "videos": videos}
    weights = read_json(inputs.weights)
    plain = json.loads(json.dumps(config))
    write_json(output, {"config": plain, **about, "weights": weights})


def _render(output: str | PathLike, template: str, **values: object) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "clock": _clock, "page": _page, "kind": kind_label}
    write_text(output, environment.get_template(template).render(**values))


def _number(value: float | None, digits: int = 2) -> str:
    """Fixed decimals, without a sign before zero; n/a for None and NaN."""
    return "n/a" if value is None or np.isnan(value) else f"{value:z.{digits}f}"


def _clock(seconds: float | None) -> str:
    """h:mm:ss.s, without hours when there are none."""
    if seconds is None or np.isnan(seconds):
        return "n/a"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _page(video: str) -> str:
    """Address of a video's page, from the overview."""
    return quote(f"{video}.html")


def _banner(network: Mapping, reason: str | None = None) -> str | None:
    """Warning that belongs on every page of untrained results; None if trained."""
    if network["trained"]:
        return None
    return f"{UNTRAINED} Why: {reason}" if reason else UNTRAINED


def _as_markdown(text: str) -> str:
    """Text that stands as it is in Markdown, in one line.

    Why weights could not be had is told in the words of a server or of the system: `<urlopen
    error …>` would be taken for an element of HTML and not be shown.
    """
    return re.sub(r"([\\`*_<>&\[\]])", r"\\\1", " ".join(text.split()))


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _figure(name: str, path: str | PathLike) -> dict:
    """A figure for a page, as lossless WebP: the same pixels in half the bytes of the PNG.

    Figures of more than a hundred layers are higher than a WebP can be, and stay PNGs.
    """
    smaller = io.BytesIO()
    with Image.open(path) as picture:
        if max(picture.size) > MAX_WEBP:
            return {"caption": caption(name), "uri": _data_uri(Path(path).read_bytes(), "png")}
        picture.save(smaller, "WEBP", lossless=True, method=2)
    return {"caption": caption(name), "uri": _data_uri(smaller.getvalue(), "webp")}


def _segments(path: str | PathLike, thumbnails: str | PathLike) -> dict:
    """Rows of a table of segments, each with a thumbnail from about its middle."""
    table = read_table(path)
    shown = table.head(MAX_SEGMENTS)
    ends = table["start_s"] + table["duration_s"]
    # Rounding, or a short last interval at a variable rate, may take an end past the next start.
    ends = np.fmin(ends, table["start_s"].shift(-1))
    pictures = nearest_thumbnails(thumbnails, shown["start_s"], ends.head(MAX_SEGMENTS))
    rows = [
        row | {"thumbnail": _data_uri(shrink(picture, _THUMBNAIL), "jpeg")}
        for row, picture in zip(shown.to_dict("records"), pictures, strict=True)
    ]
    return {"rows": rows, "total": len(table)}


def _analysed(provenance: Mapping, accumulators: str | PathLike) -> dict:
    """Which part of the video was analysed, and its frames."""
    used = provenance["steps"]["dump_frames"]
    time_s = read_values(accumulators, ["time_s"])[:, 0]
    return {
        "start_s": used["start_s"] or 0.0,
        "is_part": used["start_s"] is not None or used["end_s"] is not None,
        "n_frames": len(time_s),
        "duration_s": span_duration(time_s),
        "rate": 1 / nominal_interval(time_s),
    }


def _final_counts(accumulators: Paths) -> list[dict]:
    """Per layer: counts of the whole video, and the thresholds, which vary if dynamic."""
    layers: dict[str, list[dict]] = {}
    for path in accumulators.values():
        blocks = read_blocks(path)
        first = next(blocks)
        (last,) = deque(blocks, maxlen=1) or [first]
        for name in first.columns[first.columns.str.endswith("_count")]:
            layer = name.removesuffix("_count")
            threshold = first[f"{layer}_threshold"].iloc[0]
            cell = {"count": int(last[name].iloc[-1]), "threshold": float(threshold)}
            layers.setdefault(layer, []).append(cell)
    return [{"layer": layer, "cells": cells} for layer, cells in layers.items()]


def _all_steps(provenance: Mapping, segments: Paths) -> dict:
    """Settings of each stage up to the features, then those of each metric and threshold."""
    steps = dict(provenance["steps"])
    for kind, path in segments.items():
        later = read_provenance(path)["steps"]
        steps[kind] = {name: used for name, used in later.items() if name not in steps}
    return steps


def _as_yaml(value: Mapping) -> str:
    # Through JSON, since Snakemake's config is made of subclasses of dict and list.
    plain = json.loads(json.dumps(value))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=90)


def _set_provenance(inputs: SetInputs) -> dict:
    """Provenance of the summary, with the software of later stages."""
    provenance = read_provenance(inputs.summary)
    later = [read_provenance(path)["software"] for path in inputs.scores.values()]
    for software in later:
        provenance["software"] = {**software, **provenance["software"]}
    return provenance


def _kinds(summary: pd.DataFrame) -> list[tuple[str, str]]:
    return list(summary[["metric", "threshold"]].drop_duplicates().itertuples(index=False))


def _video_row(video: str, inputs: SetInputs, summary: pd.DataFrame) -> dict:
    """One row of the table of videos."""
    rows = summary[summary["video"] == video]
    by_kind = {f"{row['metric']}.{row['threshold']}": row for row in rows.to_dict("records")}
    notes = read_table(inputs.quality[video])
    return {
        "video": video,
        "group": inputs.groups[video],
        "scene": inputs.scenes.get(video),
        "facts": read_json(inputs.facts[video]),
        "n_frames": int(rows["n_frames"].iloc[0]),
        "duration_s": float(rows["duration_s"].iloc[0]),
        "warnings": int((notes["level"] == "warning").sum()),
        "counts": {
            kind: [int(row[name]) for name in summary.columns[5:]] for kind, row in by_kind.items()
        },
        "segments": {kind: len(read_table(inputs.segments[kind, video])) for kind in by_kind},
    }


def _why_no_fit(config: Mapping, n_groups: int) -> str:
    """Why there is no duration model, as a sentence."""
    if not config["duration"]["estimators"]:
        return "No duration model was fitted, because duration.estimators is empty."
    return (
        f"No duration model was fitted: the videos form {n_groups} "
        f"group{'' if n_groups == 1 else 's'}, and fewer than 3 groups cannot be held out and "
        "still leave something to learn from. Everything else is computed."
    )
