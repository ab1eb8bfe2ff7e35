"""The overview of a set, complete in one file, with a methods text for a paper."""

import json
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from os import PathLike

import pandas as pd

from chronovision.core.columns import layer_columns
from chronovision.core.files import read_json, write_json, write_text
from chronovision.core.keys import (
    Paths,
    VariantPaths,
    by_stem,
    by_variant_and_video,
    by_variant_folder,
    by_variant_stem,
)
from chronovision.core.provenance import all_software, combine_software, read_provenance
from chronovision.core.tables import read_table
from chronovision.core.variants import Variant
from chronovision.report.duration_section import duration_section
from chronovision.report.methods import (
    cited_keys,
    methods_markdown,
    methods_paragraphs,
    spell_citations,
)
from chronovision.report.page import as_yaml, embedded_figure, render, untrained_banner
from chronovision.report.references import REFERENCES, bibliography


@dataclass(frozen=True)
class SetInputs:
    """Results of a set that the overview shows.

    facts (``videos/*.json``) and quality are keyed by video, in the order of the table shown;
    segments by (variant, video); figures by name; scores by variant, empty if no fit is asked for.
    clips: clip tables by variant; applied: scores of a model of another set, if one was asked for.
    groups and scenes: video -> what the table of videos says.
    """

    facts: Paths
    quality: Paths
    summary: str | PathLike
    weights: str | PathLike
    segments: Mapping[tuple[Variant, str], str | PathLike]
    figures: Paths
    clips: VariantPaths
    scores: VariantPaths
    applied: str | PathLike | None
    groups: Mapping[str, str]
    scenes: Mapping[str, str | None]

    @classmethod
    def from_files(
        cls, files: Mapping, groups: Mapping[str, str], scenes: Mapping[str, str | None]
    ) -> "SetInputs":
        """Return inputs whose keys are read off their paths; `files`: field -> path or paths."""
        return cls(
            facts=by_stem(files["facts"]),
            quality=by_stem(files["quality"]),
            summary=files["summary"],
            weights=files["weights"],
            segments=by_variant_and_video(files["segments"]),
            figures=by_stem(files["figures"]),
            clips=by_variant_stem(files["clips"]),
            scores=by_variant_folder(files.get("scores", [])),
            applied=next(iter(files.get("applied", [])), None),
            groups=groups,
            scenes=scenes,
        )


def render_report(
    *,
    inputs: SetInputs,
    config: Mapping,
    index: str | PathLike,
    methods: str | PathLike,
    references: str | PathLike,
    provenance: str | PathLike,
) -> None:
    """Write the overview of a set, its methods text with references, and its provenance.

    Parameters
    ----------
    inputs : SetInputs
        Results to show.
    config : mapping
        The whole config.
    index : path-like
        HTML file to write. Pages of videos are expected beside it as ``{video}.html``.
    methods : path-like
        Markdown file to write.
    references : path-like
        BibTeX file to write.
    provenance : path-like
        JSON file to write, see `write_set_provenance`.
    """
    record, weights = _set_provenance(inputs), read_json(inputs.weights)
    banner = untrained_banner(record["network"], weights["reason"])
    durations = duration_section(inputs.clips, inputs.scores, inputs.applied)
    paragraphs = _methods(config, record, inputs, durations)
    keys = cited_keys(paragraphs)
    render(
        index,
        "index.html",
        **_shown_of_set(inputs, record, durations["blank"]),
        banner=banner,
        weights=weights,
        durations=durations,
        apply=config["duration"]["apply"],
        config=as_yaml(config),
        methods=[spell_citations(text) for text in paragraphs],
        references=[REFERENCES[key] for key in keys],
    )
    write_text(methods, methods_markdown(paragraphs, banner and _as_markdown(banner)))
    write_text(references, bibliography(keys))
    write_set_provenance(provenance, inputs, config)


def _shown_of_set(inputs: SetInputs, record: Mapping, blank: Container[str]) -> dict:
    """Return what the page shows of videos, layers and figures, except `blank` figures."""
    summary = read_table(inputs.summary)
    return {
        "provenance": record,
        "network": record["network"],
        "devices": sorted({about["network"]["device"] for about in record["videos"].values()}),
        "software": all_software(record),
        "videos": [_video_row(video, inputs, summary) for video in inputs.facts],
        "has_scenes": any(inputs.scenes.values()),
        "variants": _variants(summary),
        "layers": [*layer_columns(summary.columns)],
        "figures": [
            embedded_figure(name, path)
            for name, path in inputs.figures.items()
            if name not in blank
        ],
        "asked": bool(inputs.scores),
    }


def _methods(
    config: Mapping, provenance: Mapping, inputs: SetInputs, durations: Mapping
) -> list[str]:
    """Return the paragraphs of the methods text for what was carried out."""
    short = durations["design"]["short_videos"] if durations["design"] else {}
    groups = {group for video, group in inputs.groups.items() if video not in short}
    return methods_paragraphs(
        config,
        provenance,
        len(groups),
        **{key: durations[key] for key in ("design", "fitted", "no_fit", "no_pixels")},
    )


def write_set_provenance(output: str | PathLike, inputs: SetInputs, config: Mapping) -> None:
    """Write the provenance of a set's numbers, as JSON.

    Its keys are ``config software network steps videos weights fits``. Each video has its path,
    SHA-256 and stream, the device and engine of its features, and everything that is not true of
    all videos. `software` has the commit of the code, and whether it had been edited (`dirty`).

    Parameters
    ----------
    output : path-like
        JSON file. The same inputs give the same bytes.
    inputs : SetInputs
        Results of the set.
    config : mapping
        The whole config.
    """
    provenance = _set_provenance(inputs)
    videos = {
        video: {**about, **about.get("network", {})}
        for video, about in provenance["videos"].items()
    }
    for about in videos.values():
        about.pop("network", None)
    about = {key: provenance[key] for key in ("software", "network", "steps")} | {"videos": videos}
    weights = read_json(inputs.weights)
    plain = json.loads(json.dumps(config))
    fits = sorted(map(str, inputs.scores))
    write_json(output, {"config": plain, **about, "weights": weights, "fits": fits})


def _as_markdown(text: str) -> str:
    """Text that stands as it is in Markdown, in one line.

    Why weights could not be had is told in the words of a server or of the system: `<urlopen
    error …>` would be taken for an element of HTML and not be shown.
    """
    return re.sub(r"([\\`*_<>&\[\]])", r"\\\1", " ".join(text.split()))


def _set_provenance(inputs: SetInputs) -> dict:
    """Return the provenance of the summary, with the software of later stages."""
    provenance = read_provenance(inputs.summary)
    later = (read_provenance(path)["software"] for path in inputs.scores.values())
    provenance["software"] = combine_software(provenance["software"], *later)
    return provenance


def _variants(summary: pd.DataFrame) -> list[Variant]:
    pairs = summary[["metric", "threshold"]].drop_duplicates()
    return [Variant(*pair) for pair in pairs.itertuples(index=False, name=None)]


def _video_row(video: str, inputs: SetInputs, summary: pd.DataFrame) -> dict:
    """Return a row of the table of videos."""
    rows = summary[summary["video"] == video]
    by_variant = {Variant(row["metric"], row["threshold"]): row for row in rows.to_dict("records")}
    notes = read_table(inputs.quality[video])
    segments = {variant: inputs.segments[variant, video] for variant in by_variant}
    return {
        "video": video,
        "group": inputs.groups[video],
        "scene": inputs.scenes.get(video),
        "facts": read_json(inputs.facts[video]),
        "n_frames": int(rows["n_frames"].iloc[0]),
        "duration_s": float(rows["duration_s"].iloc[0]),
        "warnings": int((notes["level"] == "warning").sum()),
        "counts": {
            variant: [int(row[name]) for name in layer_columns(summary.columns).values()]
            for variant, row in by_variant.items()
        },
        "segments": {variant: len(read_table(path)) for variant, path in segments.items()},
    }
