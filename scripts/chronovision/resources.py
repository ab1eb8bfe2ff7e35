"""What a job asks a scheduler for: memory, time and threads by the length of its video.

The numbers are measurements (benchmarks/README.md) with some room above them. A job that ran out
of either is given more at its next attempt.
"""

import math
import os
from collections.abc import Mapping
from typing import NamedTuple

from chronovision.network_costs import CORE_GFLOPS, GPU_GFLOPS, network_seconds
from chronovision.selection import expected_rows

#: Room above what was measured; memory that Snakemake itself needs around a cluster's job.
ROOM, SNAKEMAKE_MB = 1.4, 300

#: Least time that a job asks for, in minutes: a network drive takes its time for the first import.
LEAST_MIN = 5

#: Seconds until the first frame goes through the network.
START_S = 15.0

#: Frames for which one more thread is asked.
FRAMES_PER_THREAD = 500


class Length(NamedTuple):
    """Of a video: bytes of its file and, once it has been probed, what is to be decoded of it.

    Attributes
    ----------
    size : bytes.
    undecoded : bytes of a file that is, or may have to be, decoded to be probed: `UNDECODED`.
    frames, megapixels : frames to be decoded, and of each.
    rows, duration_s : of the analysed series.
    """

    size: int = 0
    frames: int = 0
    megapixels: float = 0.0
    rows: int = 0
    duration_s: float = 0.0
    undecoded: int = 0


class Cost(NamedTuple):
    """Of a stage: seconds and MB, seconds per thousand rows, and what of the video it goes through.

    Attributes
    ----------
    reads : whether it reads the whole file, for its SHA-256.
    decodes : whether it decodes the frames.
    """

    s: float
    mb: float
    rows_s: float = 0.0
    reads: bool = False
    decodes: bool = False


#: Share of a file that may have to be decoded to be probed, by its ending, all of others: packets
#: of these tell the times of their frames, as a rule; those of VP8 in Matroska do not.
UNDECODED = dict.fromkeys(
    (".dv", ".flv", ".m2t", ".m2ts", ".m4v", ".mov", ".mp4", ".mts", ".mxf", ".ts"), 0.0
) | {".mkv": 0.25, ".webm": 0.25}
#: Bytes per second of what is decoded: 5 KB a frame, as of a small film in an AVI file, at 3.3 ms.
PROBING = 1.5e6

#: Bytes per second of a slow network drive.
READING = 100e6

#: Decoding of a frame of H.264 and scaling on one core: milliseconds, and more for each megapixel.
DECODING_MS = (1.3, 5.0)

#: Stages of one video, without the network's.
COSTS = {
    "probe_video": Cost(1, 155, reads=True),
    "dump_frames": Cost(2, 155, rows_s=0.3, reads=True, decodes=True),
    "describe_frames": Cost(2, 160, rows_s=1.0, reads=True, decodes=True),
    "export_images": Cost(2, 160, rows_s=2.5, reads=True, decodes=True),
    "measure_changes": Cost(2, 100, rows_s=0.03),
    "accumulate_changes": Cost(3, 100, rows_s=0.08),
    "segment_video": Cost(3, 100, rows_s=0.02),
    "check_quality": Cost(2, 110, rows_s=0.01),
    "plot_video": Cost(12, 220, rows_s=0.1),
    "render_page": Cost(5, 150, rows_s=0.01),
}


def unprobed_length(path: str | os.PathLike) -> Length:
    """What is known of a video before it has been probed; nothing of a file that is not there."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    share = UNDECODED.get(os.path.splitext(path)[1].lower(), 1.0)
    return Length(size=size, undecoded=round(share * size))


def video_length(
    info: Mapping, settings: Mapping, span: tuple[float | None, float | None]
) -> Length:
    """Length of a probed video.

    Parameters
    ----------
    info : contents of ``videos/{video}.json``.
    settings : the config's ``frames``.
    span : ``start_s`` and ``end_s`` of the videos table.
    """
    end_s = min(span[1] or math.inf, info["duration_s"])
    return Length(
        size=info["bytes"],
        frames=math.ceil(info["n_frames"] * end_s / info["duration_s"]),
        megapixels=info["width"] * info["height"] / 1e6,
        rows=expected_rows(info, settings, span),
        duration_s=max(end_s - (span[0] or 0.0), 0.0),
        # Records of before frames were decoded for it do not say.
        undecoded=info["bytes"] if info.get("times") == "decoded" else 0,
    )


def jobs_of_video(config: Mapping) -> dict[str, int]:
    """Stages of `COSTS`, and how many jobs each has for a video in a run with this config."""
    metrics, thresholds = len(config["changes"]["metrics"]), len(config["thresholds"]["kinds"])
    return dict.fromkeys(COSTS, 1) | {
        "export_images": int(config["frames"]["images"] is not None),
        "measure_changes": metrics,
        "accumulate_changes": thresholds,
        "segment_video": thresholds,
    }


def decodings(stage: str, config: Mapping) -> int:
    """How often a stage decodes a video, if it does: `strict` has the whole stream checked."""
    return 2 if stage == "dump_frames" and config["strict"] else 1


def video_seconds(length: Length, config: Mapping) -> float:
    """Seconds on one core of all that a run does with a video, the network's work apart."""
    stages = sum(
        number * stage_seconds(stage, length, decodings(stage, config))
        for stage, number in jobs_of_video(config).items()
    )
    return stages + START_S


def stage_seconds(stage: str, length: Length, decodings: int = 1) -> float:
    """Seconds of a stage of `COSTS` on one core; `decodings`: how often it decodes, if it does."""
    cost = COSTS[stage]
    seconds = cost.s + cost.rows_s * length.rows / 1000
    if cost.reads:
        seconds += length.size / READING
    decoding_s = length.frames * (DECODING_MS[0] + DECODING_MS[1] * length.megapixels) / 1000
    if stage == "probe_video" and length.undecoded:
        seconds += decoding_s or length.undecoded / PROBING
    if cost.decodes:
        seconds += decodings * decoding_s
    return seconds


def stage_minutes(stage: str, length: Length, attempt: int, decodings: int = 1) -> int:
    """Minutes to ask for a stage of `COSTS`, see `stage_seconds`."""
    return _minutes(stage_seconds(stage, length, decodings), attempt)


def stage_mb(stage: str, attempt: int) -> int:
    """Memory in MB for a stage of `COSTS`; it does not grow with the video."""
    return _mb(COSTS[stage].mb, attempt)


def network_threads(rows: int) -> int:
    """CPU threads for as many frames: from 2 for a short video to 8."""
    return min(max(2, math.ceil(rows / FRAMES_PER_THREAD)), 8)


def network_minutes(
    rows: int, size: int, gflop: float, threads: int, gpu: bool, attempt: int
) -> int:
    """Minutes to ask for the network; see `chronovision.network_costs.network_seconds`."""
    gflops = GPU_GFLOPS if gpu else CORE_GFLOPS * threads
    return _minutes(START_S + network_seconds(rows, size, gflop, gflops), attempt)


def network_mb(weights_bytes: int, gpu: bool, attempt: int) -> int:
    """Memory in MB for a network with as many bytes of weights; CUDA needs some of its own."""
    return _mb(1150 + 4 * weights_bytes / 1e6 + (2000 if gpu else 0), attempt)


def piece_rows(length: Length, minutes: float) -> int:
    """Rows of the longest piece of a video, of so many minutes."""
    share = 60 * minutes / length.duration_s if length.duration_s else 0.0
    return math.ceil(length.rows * min(share, 1.0))


def set_mb(rows: int, clips: int, attempt: int) -> int:
    """Memory in MB for a stage of the set: `rows` of all videos, `clips` in the table of clips."""
    return _mb(220 + 2e-4 * rows + 5e-4 * clips, attempt)


def set_minutes(rows: int, clips: int, attempt: int) -> int:
    """Minutes for a stage of the set, as `set_mb`."""
    return _minutes(20 + 5e-5 * rows + 5e-3 * clips, attempt)


def _minutes(seconds: float, attempt: int) -> int:
    return max(LEAST_MIN, math.ceil(ROOM * seconds / 60)) * attempt


def _mb(megabytes: float, attempt: int) -> int:
    return math.ceil((SNAKEMAKE_MB + ROOM * megabytes) / 100) * 100 * attempt
