# REQUIRED: what config.smk provides.
# PROVIDES: files of videos and weights as rules name them, patterns for each metric, threshold and
# kind of set, and the targets.

import functools
import itertools
import os

import snakemake.io
from snakemake.exceptions import WorkflowError

from chronovision.videos.fingerprint import sampled_hash
from chronovision.jobs.code_digest import code_digest as digest_of_script
from chronovision.features.pieces import piece_names, piece_window


def code_digest(rule, data=None):
    """Return the digest of the code behind a rule: the rule reruns if it changes, and only then."""
    return digest_of_script(f"{workflow.basedir}/scripts/{rule}.py", data)


@functools.cache
def path_from_workdir(path):
    """Return a path relative to the working directory if it lies in there, so that both may move."""
    folder, name = os.path.split(path)
    # The working directory is known without the links on the way to it.
    for inside in (os.path.relpath(path), os.path.relpath(f"{os.path.realpath(folder)}/{name}")):
        # Snakemake would take a ~ at the beginning for a home folder.
        if not inside.startswith(("../", "~")):
            return inside
    return path


def video_path(wildcards):
    """Return the video's path as the jobs and their records have it."""
    if wildcards.video not in VIDEOS:
        raise WorkflowError(f"no video {wildcards.video} in {config['videos']}")
    return path_from_workdir(VIDEOS[wildcards.video].path)


def video_file(wildcards):
    """The video's file. A missing one is left to probe_video, whose failure stops that video alone."""
    path = video_path(wildcards)
    return [path] if os.path.exists(path) else []


def span(wildcards):
    """Part of the video that is used, in seconds."""
    return list(VIDEOS[wildcards.video].span)


def noise_seed(wildcards):
    """Seed of the noise; the static threshold has none."""
    return config["seed"] if wildcards.threshold == "dynamic" else None


def kept_weights(ending):
    """A file of the weights. One that is there stays if a job that fetches it anew fails."""
    pattern = f"<results>/weights/{{weights}}{ending}"
    # Of a file that is not there Snakemake would say that it cannot be restored.
    there = os.path.exists(f"{RESULTS}/weights/{WEIGHTS}{ending}")
    return update(pattern) if there else pattern


def names_of_pieces(wildcards):
    """Names of the pieces in which a long video's features are extracted; none for a short one."""
    if config["features"]["chunk_minutes"] is None:
        return []
    info = checkpoints.probe_video.get(video=wildcards.video).output[0]
    return piece_names(info, VIDEOS[wildcards.video].span, config["features"]["chunk_minutes"])


def pieces(wildcards):
    """The pieces of a long video's features."""
    pattern = "<results>/pieces/{video}/{piece}.h5"
    return collect(pattern, video=wildcards.video, piece=names_of_pieces(wildcards))


def whole_frames(wildcards):
    """The frames of a video whose features are extracted in one go."""
    return [] if names_of_pieces(wildcards) else [f"<results>/frames/{wildcards.video}.h5"]


def window(wildcards):
    """Start and end of a piece in seconds of the frames' time."""
    return list(piece_window(wildcards.piece, config["features"]["chunk_minutes"]))


def per_metric(pattern):
    """`pattern` for every metric; other wildcards stay."""
    return collect(pattern, metric=METRICS, allow_missing=True)


def per_variant(pattern):
    """`pattern` for every metric and threshold; other wildcards stay."""
    return collect(pattern, metric=METRICS, threshold=THRESHOLDS, allow_missing=True)


def if_set_scope(pattern):
    """`pattern` (ranges of the set) if thresholds belong to the set, nothing otherwise."""
    return branch(config["thresholds"]["scope"] == "set", then=pattern, otherwise=[])


def if_fitted(pattern):
    """`pattern` for every metric and threshold if a fit is asked for, nothing otherwise."""
    return per_variant(pattern) if FITS else []


def if_applied(pattern):
    """`pattern` if another set's model is named, nothing otherwise."""
    return [pattern] if config["duration"]["apply"] else []


def reported(pattern, figure, category, **kinds):
    """Files of a pattern, one for each combination of `kinds`, for `snakemake --report`."""
    combinations = [dict(zip(kinds, values)) for values in itertools.product(*kinds.values())]
    return [
        snakemake.io.report(
            collect(pattern, **combination, allow_missing=True),
            caption=f"../report/{figure}.rst",
            category=category,
            labels={"figure": figure.replace("_", " "), **combination},
        )[0]
        for combination in combinations
    ]


def set_figures(wildcards):
    """Figures of the whole set. A function, as Snakemake compares what a rule is given of another
    rule's output with all other input, one by one: seconds for a thousand videos."""
    return list(rules.plot_set.output)


def all_outputs():
    """Return the targets of `rule all`."""
    wanted = ["<results>/report/index.html"]
    if config["frames"]["images"]:
        wanted += collect("<results>/images/{video}", video=VIDEOS)
    return wanted + if_applied("<results>/duration/applied/predictions.tsv")
