"""Costs of a run on a set of videos, in words: time and disk space."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence

from chronovision.features.networks import NetworkSpec
from chronovision.features.operations import count_gflop
from chronovision.jobs.costs import Extent, run_seconds, video_extent
from chronovision.survey.cpu_speed import Speeds, describe_precision, measure_speeds
from chronovision.videos.table import Video

#: Bytes per pixel of exported images.
IMAGE_BYTES_PER_PIXEL = {"jpg": 0.4, "png": 2.0}

#: Bytes stored per analysed frame, without `keep_maps`.
BYTES_PER_FRAME = 12_000


def describe_costs(
    videos: Mapping[str, Video],
    facts: Mapping[str, Mapping],
    config: Mapping,
    spec: NetworkSpec,
) -> list[str]:
    """Return lines on the frames of a set, and on the time and disk space that a run takes.

    Parameters
    ----------
    videos : mapping of str to Video
        Rows of the videos table.
    facts : mapping of str to mapping
        Id -> result of `chronovision.videos.probe.probe`, for the videos that can be read.
    config : mapping
        Config of the run.
    spec : NetworkSpec
        The network that the config asks for.
    """
    if not facts:
        return []
    extents = _extents(videos, facts, config)
    frames, seconds = zip(*((one.rows, one.duration_s) for one in extents), strict=True)
    rates = Counter(round(about["frame_rate"], 3) for about in facts.values())
    listed = ", ".join(f"{rate:g} ({count})" for rate, count in sorted(rates.items()))
    speeds = measure_speeds(config["network"]["device"])
    disk = sum(frames) * _stored_per_frame(config, spec)
    temporary = max(frames) * config["frames"]["size"] ** 2 * 3
    return [
        f"  {sum(frames)} frames to analyse, {_time(sum(seconds))} of video; frames per second "
        f"(videos): {listed}",
        f"  {_describe_time(extents, config, spec, speeds)}",
        *describe_precision(config["network"]["precision"], speeds),
        f"  about {_size(disk)} on disk, and {_size(temporary)} for a while",
    ]


def describe_time(
    videos: Mapping[str, Video],
    facts: Mapping[str, Mapping],
    config: Mapping,
    spec: NetworkSpec,
) -> str:
    """Return how long a run on videos takes, in words; arguments as for `describe_costs`."""
    speeds = measure_speeds(config["network"]["device"])
    return _describe_time(_extents(videos, facts, config), config, spec, speeds)


def _extents(
    videos: Mapping[str, Video], facts: Mapping[str, Mapping], config: Mapping
) -> list[Extent]:
    return [video_extent(facts[name], config["frames"], videos[name].span) for name in facts]


def _describe_time(
    extents: Sequence[Extent], config: Mapping, spec: NetworkSpec, speeds: Speeds
) -> str:
    """Return how long a run takes on videos of these extents, in words."""
    is_short = config["network"]["precision"] == "bfloat16"
    speed = (speeds.bfloat16 if is_short else None) or speeds.float32
    network_s, rest_s = run_seconds(extents, config, count_gflop(spec), speed)
    return (
        f"about {_time(network_s + rest_s)} on the {os.cpu_count() or 1} processor cores of this "
        f"machine (rule of thumb), {_time(network_s)} of it for {spec.model} at "
        f"{config['frames']['size']} pixels, which a GPU makes far faster"
    )


def _stored_per_frame(config: Mapping, spec: NetworkSpec) -> float:
    """Return the bytes stored per analysed frame: features, uncompressed maps and images."""
    network, size = config["network"], config["frames"]["size"]
    shapes = spec.activation_shapes(size)
    units = sum(math.prod(shapes[layer]) for layer in network["keep_maps"])
    of_image = IMAGE_BYTES_PER_PIXEL.get(config["frames"]["images"], 0) * size**2
    return BYTES_PER_FRAME + units * {"float16": 2, "float32": 4}[network["maps_dtype"]] + of_image


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
