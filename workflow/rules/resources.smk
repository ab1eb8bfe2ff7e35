# REQUIRED: what config.smk provides.
# PROVIDES: resource requests of the rules: memory, runtime, threads and GPUs by the extent of a video.

import functools
import os

from chronovision.core.files import read_json
from chronovision.jobs import costs, resources


@functools.cache
def extent_at(video, _time):
    """Extent of a probed video; the time of what is known of it keeps it from being read often."""
    info = read_json(f"{RESULTS}/videos/{video}.json")
    return costs.video_extent(info, config["frames"], VIDEOS[video].span)


def extent(video):
    """Extent of a video; unknown until it has been probed, and then Snakemake asks again."""
    info, path = f"{RESULTS}/videos/{video}.json", VIDEOS[video].path
    if os.path.exists(info):
        return extent_at(video, os.stat(info).st_mtime_ns)
    return costs.unprobed_extent(path)


def rows(wildcards, input):
    """Rows that a job of the network goes through: all, those of a piece, or none when joining."""
    whole = extent(wildcards.video)
    if wildcards.get("piece"):
        return costs.piece_rows(whole, config["features"]["chunk_minutes"])
    return 0 if input.get("pieces") else whole.rows


def stage_minutes(stage):
    """Runtime of a rule that works on one video."""
    decodings = costs.decodings(stage, config)
    return lambda wildcards, attempt: resources.stage_minutes(
        stage, extent(wildcards.video), attempt, decodings
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
    return costs.known_gflop(config["network"]["model"])


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
    return sum(extent(video).rows for video in VIDEOS), len(VIDEOS) * per_video


def set_minutes(wildcards, attempt):
    """Runtime of a rule that reads the tables of all videos."""
    return resources.set_minutes(*set_size(), attempt)


def set_mb(wildcards, attempt):
    """Memory of a rule that reads the tables of all videos."""
    return resources.set_mb(*set_size(), attempt)


def gpus(wildcards, input):
    """GPUs of a job that runs the network, rather than joining what others have made."""
    return 0 if config["network"]["device"] == "cpu" or input.get("pieces") else 1
