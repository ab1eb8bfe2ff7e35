# REQUIRED: `config`, merged from config/config.yaml and the overlays.
# PROVIDES: the checked config, the videos, input functions and lists of targets.
# This is the only rule file with Python in it.

import atexit
import functools
import gc
import itertools
import os
import re
import sys

import snakemake.common
import snakemake.io
import snakemake.rules
import snakemake.sourcecache
from snakemake.exceptions import WorkflowError
from snakemake.pathvars import Pathvars

sys.path.insert(0, f"{workflow.basedir}/scripts")

from chronovision import resources
from chronovision.config_files import refuse_repeated_keys
from chronovision.config_slices import decoding_settings, feature_settings
from chronovision.core.files import read_json
from chronovision.errors import UserError
from chronovision.identity import fingerprint
from chronovision.jobs.code_digest import code_digest
from chronovision.jobs.locks import lock_results
from chronovision.network_costs import known_gflop
from chronovision.pieces import piece_names, piece_window
from chronovision.settings import check_config, refuse_missing
from chronovision.video_table import find_table, read_videos
from chronovision.weights_name import weights_name

# A plan is made of millions of objects that stay. To look for garbage among them, every now and then
# and once more at the end, takes a third of the time that a set of a thousand videos needs.
gc.set_threshold(500_000)
atexit.register(gc.freeze)
# For every job Snakemake parses the address of its script several times, and smart_open makes a new
# class each time: more than a tenth of the time of such a plan. The result depends on the address alone.
if hasattr(snakemake.sourcecache, "parse_uri"):
    snakemake.sourcecache.parse_uri = functools.cache(snakemake.sourcecache.parse_uri)
# Fourteen times for every job it looks up which arguments a function takes: a sixth of the time.
if hasattr(snakemake.common, "get_function_params"):
    snakemake.common.get_function_params = functools.cache(snakemake.common.get_function_params)
    snakemake.rules.get_function_params = snakemake.common.get_function_params

try:
    refuse_repeated_keys(workflow.configfiles)
    check_config(config, f"{workflow.basedir}/workflow/schemas/config.schema.yaml")
    VIDEOS = read_videos(find_table(config["videos"], workflow.basedir))
    refuse_missing(config["duration"]["apply"], "duration.apply")
except UserError as error:
    raise WorkflowError(str(error))

METRICS = config["changes"]["metrics"]
THRESHOLDS = config["thresholds"]["kinds"]
GROUPS = {name: video.group for name, video in VIDEOS.items()}
#: Whether a model is asked for. Where none can be fitted, its tables say why.
FITS = bool(config["duration"]["estimators"])
#: Name of the files of weights: other wishes have other files, so that none is lost to another.
WEIGHTS = weights_name(config["network"], config["seed"])

RESULTS = config["pathvars"]["results"]
# Snakemake took the folder over before its ~ was written out.
workflow.pathvars.update(Pathvars.from_config(config))
#: Folder of the locks by which jobs on one machine share out its GPUs, and runs the results.
LOCKS = f"{RESULTS}/locks"


onstart:
    try:
        lock_results(LOCKS)
    except UserError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    # Not the set's own page and folder of figures, which would match as well.
    video=r"(?!index\.html$|set/)[A-Za-z0-9][A-Za-z0-9._-]*",
    metric="correlation|euclidean|cosine",
    threshold="static|dynamic",
    # Those of another name would be made by another config.
    weights=re.escape(WEIGHTS),
    piece=r"\d+of\d+",


def digest(rule, data=None):
    """Digest of the code behind a rule, so that a change of it, and only of it, asks for a rerun."""
    return code_digest(f"{workflow.basedir}/scripts/{rule}.py", data)


@functools.cache
def carried_path(path):
    """A path from the working directory if it lies in there, so that this may move."""
    folder, name = os.path.split(path)
    # The working directory is known without the links on the way to it.
    for inside in (os.path.relpath(path), os.path.relpath(f"{os.path.realpath(folder)}/{name}")):
        # Snakemake would take a ~ at the beginning for a home folder.
        if not inside.startswith(("../", "~")):
            return inside
    return path


def video_path(wildcards):
    """The video's path, as the jobs and their records have it."""
    if wildcards.video not in VIDEOS:
        raise WorkflowError(f"no video {wildcards.video} in {config['videos']}")
    return carried_path(VIDEOS[wildcards.video].path)


def video_file(wildcards):
    """The video's file. A missing one is left to probe_video, whose failure stops that video alone."""
    path = video_path(wildcards)
    return [path] if os.path.exists(path) else []


def span(wildcards):
    """Part of the video that is used, in seconds."""
    return list(VIDEOS[wildcards.video].span)


def range_settings():
    """What of the config decides the range of change, hence the static threshold."""
    names = ["scope", "range"]
    if config["thresholds"]["range"] == "percentile":
        names.append("percentiles")
    return {name: config["thresholds"][name] for name in names}


def threshold_settings(wildcards):
    """What a job reads that counts by this threshold; the static one has no time constant."""
    dynamic = {"dynamic": config["thresholds"]["dynamic"]}
    return range_settings() | (dynamic if wildcards.threshold == "dynamic" else {})


def clip_settings(wildcards):
    """What a job reads that counts in clips; without noise a clip is counted once."""
    unread = () if wildcards.threshold == "dynamic" else ("repeats",)
    return {name: value for name, value in config["clips"].items() if name not in unread}


def noise_seed(wildcards):
    """Seed of the noise; the static threshold has none."""
    return config["seed"] if wildcards.threshold == "dynamic" else None


@functools.cache
def length_at(video, _time):
    """Length of a probed video; the time of what is known of it keeps it from being read often."""
    info = read_json(f"{RESULTS}/videos/{video}.json")
    return resources.video_length(info, config["frames"], VIDEOS[video].span)


def length(video):
    """Length of a video; unknown until it has been probed, and then Snakemake asks again."""
    info, path = f"{RESULTS}/videos/{video}.json", VIDEOS[video].path
    if os.path.exists(info):
        return length_at(video, os.stat(info).st_mtime_ns)
    return resources.unprobed_length(path)


def rows(wildcards, input):
    """Rows that a job of the network goes through: all, those of a piece, or none when joining."""
    whole = length(wildcards.video)
    if wildcards.get("piece"):
        return resources.piece_rows(whole, config["features"]["chunk_minutes"])
    return 0 if input.get("pieces") else whole.rows


def stage_minutes(stage):
    """Runtime of a rule that works on one video."""
    decodings = resources.decodings(stage, config)
    return lambda wildcards, attempt: resources.stage_minutes(
        stage, length(wildcards.video), attempt, decodings
    )


def stage_mb(stage):
    """Memory of a rule that works on one video."""
    return lambda wildcards, attempt: resources.stage_mb(stage, attempt)


def network_threads(wildcards, input):
    """CPU threads of a job that runs the network."""
    return 1 if input.get("pieces") else resources.network_threads(rows(wildcards, input))


@functools.cache
def gflop_at(facts, _time):
    """Operations of the asked layers, as recorded with their weights."""
    return read_json(facts)["gflop"]


def gflop():
    """Operations for a picture: of the asked layers, or of the whole network without its weights."""
    facts = f"{RESULTS}/weights/{WEIGHTS}.json"
    if os.path.exists(facts):
        return gflop_at(facts, os.stat(facts).st_mtime_ns)
    return known_gflop(config["network"]["model"])


def kept_weights(ending):
    """A file of the weights. One that is there stays if a job that fetches it anew fails."""
    pattern = f"<results>/weights/{{weights}}{ending}"
    # Of a file that is not there Snakemake would say that it cannot be restored.
    there = os.path.exists(f"{RESULTS}/weights/{WEIGHTS}{ending}")
    return update(pattern) if there else pattern


def network_minutes(wildcards, input, threads, attempt):
    """Runtime of a job that runs the network, or joins what others have made."""
    asked = rows(wildcards, input), config["frames"]["size"], gflop(), threads
    return resources.network_minutes(*asked, gpus(wildcards, input) > 0, attempt)


def network_mb(wildcards, input, attempt):
    """Memory of a job that runs the network."""
    path = f"{RESULTS}/weights/{WEIGHTS}.pth"
    size = os.path.getsize(path) if os.path.exists(path) else 0
    return resources.network_mb(size, gpus(wildcards, input) > 0, attempt)


def set_size():
    """Rows of all videos together, and rows that their table of clips may have."""
    clips = config["clips"]
    per_video = clips["max_per_video"] * (1 + clips["snapshots"]) * clips["repeats"]
    return sum(length(video).rows for video in VIDEOS), len(VIDEOS) * per_video


def set_minutes(wildcards, attempt):
    """Runtime of a rule that reads the tables of all videos."""
    return resources.set_minutes(*set_size(), attempt)


def set_mb(wildcards, attempt):
    """Memory of a rule that reads the tables of all videos."""
    return resources.set_mb(*set_size(), attempt)


def gpus(wildcards, input):
    """GPUs of a job that runs the network, rather than joining what others have made."""
    return 0 if config["network"]["device"] == "cpu" or input.get("pieces") else 1


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


def of_metrics(pattern):
    """`pattern` for every metric; other wildcards stay."""
    return collect(pattern, metric=METRICS, allow_missing=True)


def of_kinds(pattern):
    """`pattern` for every metric and threshold; other wildcards stay."""
    return collect(pattern, metric=METRICS, threshold=THRESHOLDS, allow_missing=True)


def of_scope(pattern):
    """`pattern` (ranges of the set) if thresholds belong to the set, nothing otherwise."""
    return branch(config["thresholds"]["scope"] == "set", then=pattern, otherwise=[])


def fitted(pattern):
    """`pattern` for every metric and threshold if a fit is asked for, nothing otherwise."""
    return of_kinds(pattern) if FITS else []


def applied(pattern):
    """`pattern` if another set's model is named, nothing otherwise."""
    return [pattern] if config["duration"]["apply"] else []


def fit_settings():
    """What of the config decides the fit."""
    return {name: config["duration"][name] for name in ("estimators", "folds")}


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
    """What `rule all` asks for."""
    wanted = ["<results>/report/index.html"]
    if config["frames"]["images"]:
        wanted += collect("<results>/images/{video}", video=VIDEOS)
    return wanted + applied("<results>/duration/applied/predictions.tsv")
