"""Costs of jobs: one model of time, for their resource requests and for the survey.

The numbers are measurements (benchmarks/README.md). Planning reads them, so that this module
imports neither PyTorch nor pandas.
"""

import math
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from chronovision.videos.selection import expected_rows
from chronovision.videos.span import Span

#: Operations of a whole network for a picture of 224 × 224, in 10⁹, for all classification models
#: of torchvision, as `chronovision.features.operations.count_gflop` counts them.
GFLOP: Mapping[str, float] = MappingProxyType(
    {
        "alexnet": 1.428,
        "convnext_base": 30.71,
        "convnext_large": 68.72,
        "convnext_small": 17.37,
        "convnext_tiny": 8.911,
        "densenet121": 5.668,
        "densenet161": 15.46,
        "densenet169": 6.72,
        "densenet201": 8.583,
        "efficientnet_b0": 0.7716,
        "efficientnet_b1": 1.139,
        "efficientnet_b2": 1.318,
        "efficientnet_b3": 1.925,
        "efficientnet_b4": 3.007,
        "efficientnet_b5": 4.713,
        "efficientnet_b6": 6.72,
        "efficientnet_b7": 10.34,
        "efficientnet_v2_l": 24.46,
        "efficientnet_v2_m": 10.72,
        "efficientnet_v2_s": 5.7,
        "googlenet": 2.997,
        "inception_v3": 5.676,
        "maxvit_t": 11.12,
        "mnasnet0_5": 0.2089,
        "mnasnet0_75": 0.431,
        "mnasnet1_0": 0.6288,
        "mnasnet1_3": 1.053,
        "mobilenet_v2": 0.6015,
        "mobilenet_v3_large": 0.4332,
        "mobilenet_v3_small": 0.113,
        "regnet_x_16gf": 31.88,
        "regnet_x_1_6gf": 3.206,
        "regnet_x_32gf": 63.47,
        "regnet_x_3_2gf": 6.353,
        "regnet_x_400mf": 0.8276,
        "regnet_x_800mf": 1.599,
        "regnet_x_8gf": 15.99,
        "regnet_y_128gf": 255,
        "regnet_y_16gf": 31.82,
        "regnet_y_1_6gf": 3.224,
        "regnet_y_32gf": 64.56,
        "regnet_y_3_2gf": 6.353,
        "regnet_y_400mf": 0.8037,
        "regnet_y_800mf": 1.668,
        "regnet_y_8gf": 16.95,
        "resnet101": 15.6,
        "resnet152": 23.03,
        "resnet18": 3.628,
        "resnet34": 7.327,
        "resnet50": 8.178,
        "resnext101_32x8d": 32.83,
        "resnext101_64x4d": 30.92,
        "resnext50_32x4d": 8.461,
        "shufflenet_v2_x0_5": 0.081,
        "shufflenet_v2_x1_0": 0.2898,
        "shufflenet_v2_x1_5": 0.5915,
        "shufflenet_v2_x2_0": 1.167,
        "squeezenet1_0": 1.638,
        "squeezenet1_1": 0.6983,
        "swin_b": 30.86,
        "swin_s": 17.48,
        "swin_t": 8.981,
        "swin_v2_b": 34.1,
        "swin_v2_s": 19.39,
        "swin_v2_t": 9.877,
        "vgg11": 15.22,
        "vgg11_bn": 15.22,
        "vgg13": 22.62,
        "vgg13_bn": 22.62,
        "vgg16": 30.94,
        "vgg16_bn": 30.94,
        "vgg19": 39.26,
        "vgg19_bn": 39.26,
        "vit_b_16": 35.13,
        "vit_b_32": 8.818,
        "vit_h_14": 380.2,
        "vit_l_16": 123.1,
        "vit_l_32": 30.76,
        "wide_resnet101_2": 45.51,
        "wide_resnet50_2": 22.8,
    }
)

#: Measured operations per second of one core in float32, in 10⁹ (0.34 s for VGG19 up to pool5).
CORE_GFLOPS = 115.0
#: Assumed operations per second of a GPU, in 10⁹ (10 ms for VGG19 up to pool5).
GPU_GFLOPS = 3900.0

#: Seconds until the first frame goes through the network.
START_S = 15.0

#: Number of jobs of one video that run at the same time: the two that decode it.
JOBS_AT_ONCE = 2


class Extent(NamedTuple):
    """Size of a video: of its file and, once it has been probed, of what is to be decoded.

    Attributes
    ----------
    size : int
        Size of the file in bytes.
    frames : int
        Frames to decode.
    megapixels : float
        Size of a frame in megapixels.
    rows : int
        Rows of the analysed series.
    duration_s : float
        Duration of the analysed series in seconds.
    undecoded : int
        Bytes of the file that probing has to decode, or may have to: see `UNDECODED`.
    """

    size: int = 0
    frames: int = 0
    megapixels: float = 0.0
    rows: int = 0
    duration_s: float = 0.0
    undecoded: int = 0


class Cost(NamedTuple):
    """Cost of a stage.

    Attributes
    ----------
    s : float
        Seconds that every job takes.
    mb : float
        Memory in MB.
    rows_s : float
        Seconds per thousand rows.
    reads : bool
        Whether the stage reads the whole file, for its SHA-256.
    decodes : bool
        Whether the stage decodes the frames.
    """

    s: float
    mb: float
    rows_s: float = 0.0
    reads: bool = False
    decodes: bool = False


#: Share of a file that may have to be decoded for probing, by its suffix; 1 for other suffixes. The
#: packets of these formats usually tell the times of their frames; those of VP8 in Matroska do not.
UNDECODED = dict.fromkeys(
    (".dv", ".flv", ".m2t", ".m2ts", ".m4v", ".mov", ".mp4", ".mts", ".mxf", ".ts"), 0.0
) | {".mkv": 0.25, ".webm": 0.25}
#: Bytes decoded per second while probing (small AVI files: 5 KB a frame, 3.3 ms each).
PROBING = 1.5e6

#: Bytes read per second from a slow network drive.
READING = 100e6

#: Milliseconds to decode and scale a frame of H.264 on one core: constant, and per megapixel.
DECODING_MS = (1.3, 5.0)

#: Costs of the stages of one video, without the network's.
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


def known_gflop(model: str) -> float:
    """Return the operations of a network whose layers have not been counted yet; see `GFLOP`."""
    # What torchvision does not have is refused by the first job that needs it.
    return GFLOP.get(model, max(GFLOP.values()))


def network_seconds(rows: int, size: int, gflop: float, gflops: float) -> float:
    """Return the seconds that the network takes for some number of frames.

    Parameters
    ----------
    rows : int
        Number of frames.
    size : int
        Height and width of a frame in pixels.
    gflop : float
        Operations for a picture of 224 × 224, in 10⁹. They grow with the area.
    gflops : float
        Operations per second of the device, in 10⁹.
    """
    return rows * gflop * (size / 224) ** 2 / gflops


def unprobed_extent(path: str | os.PathLike) -> Extent:
    """Return what is known of a video before it is probed; zeros for a file that does not exist."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    share = UNDECODED.get(os.path.splitext(path)[1].lower(), 1.0)
    return Extent(size=size, undecoded=round(share * size))


def video_extent(info: Mapping, frames: Mapping, span: Span) -> Extent:
    """Return the extent of a probed video.

    Parameters
    ----------
    info : mapping
        Contents of ``videos/{video}.json``.
    frames : mapping
        The config's ``frames``.
    span : Span
        Part of the video that is used.
    """
    end_s = span.last_s(info["duration_s"])
    return Extent(
        size=info["bytes"],
        frames=math.ceil(info["n_frames"] * end_s / info["duration_s"]),
        megapixels=info["width"] * info["height"] / 1e6,
        rows=expected_rows(info, frames, span),
        duration_s=span.duration_s(info["duration_s"]),
        # Records of before frames were decoded for it do not say.
        undecoded=info["bytes"] if info.get("times") == "decoded" else 0,
    )


def jobs_of_video(config: Mapping) -> dict[str, int]:
    """Return how many jobs each stage of `COSTS` has for one video in a run with this config."""
    metrics, thresholds = len(config["changes"]["metrics"]), len(config["thresholds"]["kinds"])
    return dict.fromkeys(COSTS, 1) | {
        "export_images": int(config["frames"]["images"] is not None),
        "measure_changes": metrics,
        "accumulate_changes": thresholds,
        "segment_video": thresholds,
    }


def decodings(stage: str, config: Mapping) -> int:
    """Return how often a stage decodes a video; under `strict` the whole stream is checked, too."""
    return 2 if stage == "dump_frames" and config["strict"] else 1


def video_seconds(extent: Extent, config: Mapping) -> float:
    """Return the seconds on one core that a run spends on a video, without the network."""
    stages = sum(
        number * stage_seconds(stage, extent, decodings(stage, config))
        for stage, number in jobs_of_video(config).items()
    )
    return stages + START_S


def stage_seconds(stage: str, extent: Extent, decodings: int = 1) -> float:
    """Return the seconds on one core of a stage of `COSTS` that decodes `decodings` times."""
    cost = COSTS[stage]
    seconds = cost.s + cost.rows_s * extent.rows / 1000
    if cost.reads:
        seconds += extent.size / READING
    decoding_s = extent.frames * (DECODING_MS[0] + DECODING_MS[1] * extent.megapixels) / 1000
    if stage == "probe_video" and extent.undecoded:
        seconds += decoding_s or extent.undecoded / PROBING
    if cost.decodes:
        seconds += decodings * decoding_s
    return seconds


def piece_rows(extent: Extent, minutes: float) -> int:
    """Return the number of rows of a video's longest piece, if a piece lasts so many minutes."""
    share = 60 * minutes / extent.duration_s if extent.duration_s else 0.0
    return math.ceil(extent.rows * min(share, 1.0))


def run_seconds(
    extents: Sequence[Extent], config: Mapping, gflop: float, gflops: float
) -> tuple[float, float]:
    """Return the seconds of a run: of the network, and of the rest on all cores of this machine.

    The resource requests of jobs follow from the same numbers, see `chronovision.jobs.resources`.

    Parameters
    ----------
    extents : sequence of Extent
        Extent of each video.
    config : mapping
        Config of the run.
    gflop : float
        Operations up to the requested layers for a picture of 224 × 224, in 10⁹.
    gflops : float
        Operations per second of the networks that run at the same time, in 10⁹.
    """
    rows = sum(extent.rows for extent in extents)
    at_once = min(os.cpu_count() or 1, JOBS_AT_ONCE * len(extents))
    rest = sum(video_seconds(extent, config) for extent in extents) / at_once
    return network_seconds(rows, config["frames"]["size"], gflop, gflops), rest
