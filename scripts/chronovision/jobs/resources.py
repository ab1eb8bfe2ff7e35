"""Resource requests of jobs: memory, time and threads by the extent of their video.

The numbers are measurements (benchmarks/README.md) with some room above them. A job that ran out
of memory or time requests more at its next attempt.
"""

import math

from chronovision.jobs.costs import (
    CORE_GFLOPS,
    COSTS,
    GPU_GFLOPS,
    START_S,
    Extent,
    network_seconds,
    stage_seconds,
)

#: Factor between the measurements and the requests.
ROOM = 1.4
#: Memory in MB that Snakemake itself needs around a job on a cluster.
SNAKEMAKE_MB = 300

#: Least time requested, in minutes. The first import from a network drive takes long.
LEAST_MIN = 5

#: Number of frames for which one more thread is requested.
FRAMES_PER_THREAD = 500


def stage_minutes(stage: str, extent: Extent, attempt: int, decodings: int = 1) -> int:
    """Return the minutes to request for a stage of `COSTS`."""
    return _minutes(stage_seconds(stage, extent, decodings), attempt)


def stage_mb(stage: str, attempt: int) -> int:
    """Return the memory to request for a stage of `COSTS`, in MB, whatever the video."""
    return _mb(COSTS[stage].mb, attempt)


def network_threads(rows: int) -> int:
    """Return the CPU threads to request for some frames: from 2 for a short video to 8."""
    return min(max(2, math.ceil(rows / FRAMES_PER_THREAD)), 8)


def network_minutes(
    rows: int, size: int, gflop: float, threads: int, gpu: bool, attempt: int
) -> int:
    """Return the minutes to request for the network, see `jobs.costs.network_seconds`."""
    gflops = GPU_GFLOPS if gpu else CORE_GFLOPS * threads
    return _minutes(START_S + network_seconds(rows, size, gflop, gflops), attempt)


def network_mb(weights_bytes: int, gpu: bool, attempt: int) -> int:
    """Return the memory to request for a network, in MB; CUDA needs some of its own."""
    return _mb(1150 + 4 * weights_bytes / 1e6 + (2000 if gpu else 0), attempt)


def set_mb(rows: int, clips: int, attempt: int) -> int:
    """Return the memory to request for a stage of the whole set, in MB.

    `rows` are those of all videos, `clips` the rows of the clip table.
    """
    return _mb(220 + 2e-4 * rows + 5e-4 * clips, attempt)


def set_minutes(rows: int, clips: int, attempt: int) -> int:
    """Return the minutes to request for a stage of the whole set; arguments as for `set_mb`."""
    return _minutes(20 + 5e-5 * rows + 5e-3 * clips, attempt)


def _minutes(seconds: float, attempt: int) -> int:
    return max(LEAST_MIN, math.ceil(ROOM * seconds / 60)) * attempt


def _mb(megabytes: float, attempt: int) -> int:
    return math.ceil((SNAKEMAKE_MB + ROOM * megabytes) / 100) * 100 * attempt
