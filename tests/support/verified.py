"""Results of real stages on a made film, to be verified."""

import itertools
from pathlib import Path

import pandas as pd
import yaml

from chronovision.confounds.pixels import describe_frames
from chronovision.core.metrics import METRICS
from chronovision.core.results import Results
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.core.variants import Variant
from chronovision.features.extraction import extract_features
from chronovision.features.weights import fetch_weights
from chronovision.salience.accumulators import accumulate_changes
from chronovision.salience.changes import measure_changes
from chronovision.salience.counts import summarise_counts
from chronovision.salience.thresholds import pool_ranges
from chronovision.segmentation.segments import segment_video
from chronovision.verification.results import verify_results
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import make_clip
from support.paths import PROJECT

CONFIG = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
LAYERS = ["pool1", "conv2", "pool5"]
NETWORK = {
    **{**CONFIG["network"], "model": "alexnet", "weights": "untrained", "layers": LAYERS},
    **{"device": "cpu", "keep_maps": ["pool5"]},
}
#: Black, a still, noise: constant pictures, changes of nothing, large changes.
SOURCE = (
    "color=black:s=96x72:r=8:d=0.5[a];testsrc2=s=96x72:r=8,trim=end_frame=5[b];"
    "mandelbrot=s=96x72:r=8,trim=end_frame=7[c];[a][b][c]concat=n=3"
)
N = 16


def make_results(root: Path, network: dict, frames: dict, scope: str) -> None:
    """Results of one film, `films/a.mp4`, as its jobs leave them."""
    (root / "films").mkdir(parents=True)
    film = make_clip(root / "films" / "a.mp4", SOURCE)
    results = root / "results"
    info, stills = Results(results).video_facts(video="a"), root / "frames.h5"
    weights = results / "weights" / f"{network['model']}.{network['weights']}.pth"
    common = {"video": "a", "frames": frames, "span": Span()}
    probe_video(film, info, stream=None)
    dump_frames(info_path=info, strict=False, output=stills, **common)
    pixels = Results(results).pixels(video="a")
    thumbnails = Results(results).thumbnails(video="a")
    describe_frames(info_path=info, table=pixels, thumbnails=thumbnails, **common)
    fetch_weights(network, 3, weights, weights.with_suffix(".json"))
    features = Results(results).features(video="a")
    extract_features(
        frames=stills,
        weights=weights,
        facts=weights.with_suffix(".json"),
        network=network,
        seed=3,
        threads=1,
        features=features,
    )
    thresholds = {**CONFIG["thresholds"], "scope": scope}
    del thresholds["kinds"]
    changes = {name: Results(results).changes(metric=name, video="a") for name in METRICS}
    ranges = {name: Results(results).ranges(metric=name) for name in METRICS if scope == "set"}
    for metric, table in changes.items():
        measure_changes(features, table, metric=metric)
        if ranges:
            pool_ranges({"a": table}, ranges[metric], thresholds=thresholds)
    for kind in THRESHOLD_KINDS:
        ours = {name: {"variant": Variant(name, kind), "video": "a"} for name in METRICS}
        tables = {name: Results(results).accumulators(**about) for name, about in ours.items()}
        accumulate_changes(
            changes=changes,
            ranges=ranges,
            video="a",
            threshold=kind,
            thresholds=thresholds,
            seed=3,
            tables=tables,
        )
        segment_video(
            accumulators=tables,
            changes=changes,
            segments=CONFIG["segments"],
            tables={name: Results(results).segments(**about) for name, about in ours.items()},
        )
    variants = itertools.starmap(Variant, itertools.product(METRICS, THRESHOLD_KINDS))
    accumulators = {
        (one, "a"): Results(results).accumulators(variant=one, video="a") for one in variants
    }
    summarise_counts(accumulators=accumulators, table=Results(results).summary())


FRAMES = {"size": 64, "geometry": "crop", "every": 1, "step_s": None, "fps": None}


def verify(results, sample=N, **options):
    """Whether all holds, and the lines up to the sums, without the spaces of the layout."""
    lines = []
    holds = verify_results(results, sample=sample, seed=0, say=lines.append, **options)
    return holds, [" ".join(line.split()) for line in lines[: lines.index("")]]


def failures(lines):
    """What does not hold or was not checked, without reasons."""
    bad = [line for line in lines if line.startswith(("DOES NOT HOLD", "NOT CHECKED"))]
    return [": ".join(line.split(": ")[: 2 if "a: " in line else 1]) for line in bad]


def alter(path: Path, row: int, column: str, value: object) -> None:
    """Put another text into a cell; the sidecar stays."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table.loc[row, column] = str(value)
    table.to_csv(path, sep="\t", index=False)
