"""What a run on a set of videos will take: time and disk, in words."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence

from chronovision.network_costs import network_seconds
from chronovision.networks import activation_shapes
from chronovision.operations import count_gflop
from chronovision.selection import frames_per_row
from chronovision.speed import describe_precision, measure_speeds
from chronovision.video_table import Video

#: Rules of thumb, in seconds of one core, of everything but the network: decoding twice and
#: describing, per frame …
FRAME_S = 0.02

#: … and the start of the jobs, tables and figures, per video.
VIDEO_S = 30.0

#: Size of exported images.
IMAGE_BYTES_PER_PIXEL = {"jpg": 0.4, "png": 2.0}

#: Stored per kept frame without `keep_maps`.
BYTES_PER_FRAME = 12_000


def describe_costs(
    videos: Mapping[str, Video], facts: Mapping[str, Mapping], settings: Mapping
) -> list[str]:
    """Lines on the frames of a set, and the time and room that a run on it takes.

    Parameters
    ----------
    videos : rows of the table.
    facts : id -> what `chronovision.probe.probe` says, of the videos that can be read.
    settings : the config of the run.
    """
    if not facts:
        return []
    seconds, frames = zip(
        *(extent(videos[name], about, settings["frames"]) for name, about in facts.items()),
        strict=True,
    )
    rates = Counter(round(about["frame_rate"], 3) for about in facts.values())
    listed = ", ".join(f"{rate:g} ({count})" for rate, count in sorted(rates.items()))
    speeds = measure_speeds(settings["network"]["device"])
    disk = sum(frames) * _stored_per_frame(settings)
    temporary = max(frames) * settings["frames"]["size"] ** 2 * 3
    return [
        f"  {sum(frames)} frames to analyse, {_time(sum(seconds))} of video; frames per second "
        f"(videos): {listed}",
        f"  {_describe_time(frames, settings, speeds)}",
        *describe_precision(settings["network"]["precision"], speeds),
        f"  about {_size(disk)} on disk, and {_size(temporary)} for a while",
    ]


def describe_time(
    videos: Mapping[str, Video], facts: Mapping[str, Mapping], settings: Mapping
) -> str:
    """How long a run on videos takes, in words; arguments as for `describe_costs`."""
    frames = [extent(videos[name], facts[name], settings["frames"])[1] for name in facts]
    return _describe_time(frames, settings, measure_speeds(settings["network"]["device"]))


def _describe_time(
    frames: Sequence[int], settings: Mapping, speeds: Mapping[str, float | None]
) -> str:
    """How long a run takes on videos of so many frames each."""
    size, model = settings["frames"]["size"], settings["network"]["model"]
    cores, total = os.cpu_count() or 1, sum(frames)
    gflop = count_gflop(model, settings["network"]["layers"])
    speed = speeds[settings["network"]["precision"]] or speeds["float32"]
    work_s = network_seconds(total, size, gflop, speed)
    work_s += total * FRAME_S / cores + len(frames) * VIDEO_S / cores
    return (
        f"about {_time(work_s)} on the {cores} processor cores of this machine (rule of thumb for "
        f"{model} at {size} pixels; a GPU is far faster)"
    )


def _stored_per_frame(settings: Mapping) -> float:
    """Bytes per analysed frame: features, maps (as they are before compression) and images."""
    network, size = settings["network"], settings["frames"]["size"]
    shapes = activation_shapes(network["model"], network["layers"], size)
    units = sum(math.prod(shapes[layer]) for layer in network["keep_maps"])
    of_image = IMAGE_BYTES_PER_PIXEL.get(settings["frames"]["images"], 0) * size**2
    return BYTES_PER_FRAME + units * {"float16": 2, "float32": 4}[network["maps_dtype"]] + of_image


def extent(video: Video, about: Mapping, frames: Mapping) -> tuple[float, int]:
    """Seconds and frames of a video that are analysed."""
    end = min(video.end_s or math.inf, about["duration_s"])
    seconds = max(end - (video.start_s or 0.0), 0.0)
    share = seconds / about["duration_s"]
    coded = about["n_frames"] * share
    kept = seconds * frames["fps"] if frames["fps"] else coded / frames_per_row(about, frames)
    return seconds, math.ceil(round(kept, 6))


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
