"""The methods section of a paper, written from config and provenance."""

import re
from collections.abc import Mapping, Sequence

from chronovision.core.metrics import METRICS
from chronovision.core.prose import join_words, written_step
from chronovision.core.provenance import all_software
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.duration.clip_design import left_out
from chronovision.duration.comparability import is_small_set
from chronovision.duration.estimators import ESTIMATORS
from chronovision.report.references import REFERENCES

_CITATION = re.compile(r"\[@([\w@; ]+)\]")

_GEOMETRY = {
    "crop": "scaled so that the short side measured {0} pixels and cropped to the central square",
    "squash": "scaled to {0} × {0} pixels, which distorts frames that are not square",
    "pad": "scaled to fit into {0} × {0} pixels and padded with black",
}

_NETWORKS = {
    "vgg16": "VGG16 [@simonyan2015]",
    "vgg19": "VGG19 [@simonyan2015]",
    "vgg16_bn": "VGG16 with batch normalisation [@simonyan2015; ioffe2015]",
    "vgg19_bn": "VGG19 with batch normalisation [@simonyan2015; ioffe2015]",
    "alexnet": "AlexNet in torchvision's variant [@krizhevsky2014]",
}

_WEIGHTS = {
    "imagenet": "trained on ImageNet [@russakovsky2015]",
    "file": "with weights read from a file",
    "untrained": "UNTRAINED, with random weights",
}


def methods_paragraphs(
    config: Mapping,
    provenance: Mapping,
    n_groups: int,
    *,
    design: Mapping | None,
    fitted: Sequence[str],
    no_fit: Sequence[Mapping] = (),
    no_pixels: Sequence[Mapping] = (),
) -> list[str]:
    """Return the paragraphs; citations are ``[@key; key]`` with keys of REFERENCES.

    Parameters
    ----------
    config : mapping
        The whole config.
    provenance : mapping
        Provenance of the set, see `chronovision.core.provenance`.
    n_groups : int
        Number of groups of the videos that give clips; folds do not split groups.
    design : mapping or None
        Description of the clips, see `chronovision.duration.clip_design.describe_design`; None
        without clips.
    fitted : sequence of str
        Variants for which a duration model was fitted, in words.
    no_fit, no_pixels : sequence of mapping, default ()
        Reasons why a model was not fitted, or the pixels were not counted: ``reason`` and the
        ``variants`` that it holds for, in words (empty if for all).
    """
    paragraphs = [
        _frames(config["frames"], provenance) + " " + _network(provenance),
        _changes(config["changes"]["metrics"]),
        _thresholds(config["thresholds"]),
        _segments(config["segments"]),
        _clips(config["clips"], config["seed"], design) if design else "No clips were cut.",
    ]
    if fitted:
        told_of = fitted if no_fit else []
        has_pixels = all(why["variants"] for why in no_pixels)
        paragraphs.append(_duration(config["duration"], n_groups, told_of, has_pixels))
        what = "Changes of the pixels were not counted as a control"
        paragraphs += [_not_made(what, why) for why in no_pixels]
    paragraphs += [_not_made("No duration model was fitted", why) for why in no_fit]
    return [*paragraphs, _software(all_software(provenance))]


def _frames(frames: Mapping, provenance: Mapping) -> str:
    version = provenance["software"].get("ffmpeg")
    decoder = f"FFmpeg {version}" if version else "FFmpeg"
    if frames["fps"]:
        kept = f"Frames were resampled to {frames['fps']:g} per second"
    elif frames["step_s"]:
        kept = (
            "Of the decoded frames of each video one in n was kept, n being the whole number for "
            f"which n frames last nearest to {written_step(frames['step_s'])} s"
        )
    elif frames["every"] > 1:
        kept = f"Of the decoded frames one in {frames['every']} was kept"
    else:
        kept = "All decoded frames were kept"
    n = len(provenance["videos"])
    return (
        f"{n} video{'s were' if n > 1 else ' was'} decoded with {decoder} [@ffmpeg]; times are "
        f"the streams' presentation times. {kept}, each {_GEOMETRY[frames['geometry']]}.".format(
            frames["size"]
        )
    )


def _network(provenance: Mapping) -> str:
    network = provenance["network"]
    name = _NETWORKS.get(network["model"], f"the network {network['model']}")
    version = provenance["software"].get("torchvision", "")
    digest = network["weights_sha256"][:16]
    return (
        f"They were passed through {name} of torchvision {version} [@torchvision2016], "
        f"{_WEIGHTS[network['weights']]} (SHA-256 of the tensors {digest}…), "
        f"in {network['precision']}. Activations x were read at {join_words(network['layers'])}."
    )


def _changes(metrics: Sequence[str]) -> str:
    measures = "; and ".join(METRICS[metric].sentence for metric in metrics)
    return (
        f"Change from frame to frame was measured in each layer, over all its units, as {measures}."
    )


def _thresholds(thresholds: Mapping) -> str:
    of = "each video" if thresholds["scope"] == "video" else "all videos together"
    if thresholds["range"] == "minmax":
        extremes = f"the smallest and largest change of the layer in {of}"
    else:
        low, high = thresholds["percentiles"]
        extremes = f"percentiles {low:g} and {high:g} of the layer's changes in {of}"
    parts = [f"Changes were called salient by threshold, with Fmin and Fmax {extremes}."]
    parts += [THRESHOLD_KINDS[kind].sentence(thresholds) for kind in thresholds["kinds"]]
    return " ".join(parts)


def _segments(segments: Mapping) -> str:
    least = segments["min_layers"]
    share = "more than half of the layers" if least == "majority" else f"at least {least} layers"
    return (
        f"Segments begin where {share} are salient; of neighbouring such frames the one of the "
        f"largest change is taken, and boundaries lie at least {segments['min_duration_s']:g} s "
        "apart."
    )


def _clips(clips: Mapping, seed: int, design: Mapping) -> str:
    rows = design["durations"]
    durations = join_words([f"{row['duration_s']:g}" for row in rows])
    if clips["mode"] == "random":
        how = (
            f"at random starts (seed {seed}), of each duration as many as together last "
            f"{clips['coverage']:g} times the video, but at most {clips['max_per_video']} per video"
        )
    else:
        how = f"by dividing each video without overlap (seed {seed})"
    n_videos, n_clips = design["n_videos"], design["n_clips"]
    text = (
        f"{n_clips} clips of {durations} s were cut from {n_videos} "
        f"video{'' if n_videos == 1 else 's'} {how}. {_coverage(rows)} "
        "Counts of salient changes start anew with each clip."
    )
    text += "".join(f" Left out were {clause}." for clause in left_out(design))
    if clips["snapshots"]:
        text += (
            f" Each clip also gave its counts at {clips['snapshots']} times within its middle half."
        )
    if clips["repeats"] > 1:
        text += f" The dynamic threshold was run {clips['repeats']} times with other noise."
    return text


def _coverage(rows: Sequence[Mapping]) -> str:
    """Describe what share of a video the clips of one duration cover, over durations and videos."""
    low = min(row["least_coverage"] for row in rows)
    high = max(row["most_coverage"] for row in rows)
    reached = f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"
    return f"Clips of one duration together last {reached} times the video that they are from."


def _not_made(what: str, why: Mapping) -> str:
    variants = f" ({'; '.join(why['variants'])})" if why["variants"] else ""
    return f"{what}{variants}: {why['reason']}."


def _duration(duration: Mapping, n_groups: int, variants: Sequence[str], has_pixels: bool) -> str:
    """Describe how durations were predicted; `variants` names the counts, if not all were used."""
    of_variants = f" ({'; '.join(variants)})" if variants else ""
    pixels = "counts of pixel changes, " if has_pixels else ""
    estimators = join_words([ESTIMATORS[name].sentence for name in duration["estimators"]])
    if is_small_set(n_groups):
        folds = f"each of the {n_groups} groups of videos in turn"
    else:
        folds = f"groups of videos ({n_groups} groups in {min(duration['folds'], n_groups)} folds)"
    return (
        f"Durations in seconds were predicted from the counts of all layers{of_variants} by "
        f"{estimators} [@pedregosa2011]. Predictions are out of fold, leaving out {folds}; scaling "
        "and hyperparameters were fitted within the training folds. Scores stand beside those of "
        "controls: mean duration, counts at a constant rate, number of frames, counts of "
        f"permuted changes, {pixels}and each layer alone. Predicting clock time "
        "from counts is nearly trivial, hence scores are to be read against these controls."
    )


def _software(software: Mapping) -> str:
    numeric = "NumPy [@harris2020]"
    if "scipy" in software:
        numeric += " and SciPy [@virtanen2020]"
    commits = [commit[:12] for commit in (software.get("commit") or "").split(", ") if commit]
    commit = f", commit{'s' * (len(commits) > 1)} {join_words(commits)}" if commits else ""
    modified = ", with uncommitted changes" if software.get("dirty") else ""
    return (
        f"The analysis ran in Chronovision {software['chronovision']}{commit}{modified}, a "
        f"Snakemake workflow [@molder2021] that uses {numeric}."
    )


def cited_keys(paragraphs: Sequence[str]) -> list[str]:
    """Return the keys of the works that the paragraphs cite, by first occurrence."""
    found = [
        key.strip() for text in paragraphs for c in _CITATION.findall(text) for key in c.split(";")
    ]
    return list(dict.fromkeys(found))


def spell_citations(text: str) -> str:
    """Return the text with citations as author and year, e.g. ``(Roseboom et al., 2019)``."""

    def spelled(match: re.Match) -> str:
        return "(" + "; ".join(REFERENCES[key.strip()].cited for key in match[1].split(";")) + ")"

    return _CITATION.sub(spelled, text)


def methods_markdown(paragraphs: Sequence[str], warning: str | None = None) -> str:
    """Return the paragraphs and their references as Markdown.

    Parameters
    ----------
    paragraphs : sequence of str
        See `methods_paragraphs`.
    warning : str, optional
        Text in bold before them.
    """
    entries = [
        f"- {reference.text} <{reference.url}>"
        for reference in (REFERENCES[key] for key in cited_keys(paragraphs))
    ]
    blocks = ["# Methods", *([f"**{warning}**"] if warning else [])]
    blocks += [spell_citations(text) for text in paragraphs]
    return "\n\n".join([*blocks, "## References", "\n".join(entries)]) + "\n"
