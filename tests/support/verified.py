"""Results of real stages on a made film, to be verified."""

from pathlib import Path

import pandas as pd
import yaml

from chronovision.confounds.pixels import describe_frames
from chronovision.core.metrics import METRICS
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
    info, stills = results / "videos/a.json", root / "frames.h5"
    weights = results / "weights" / f"{network['model']}.{network['weights']}.pth"
    common = {"video": "a", "frames": frames, "span": (None, None)}
    probe_video(film, info, stream=None)
    dump_frames(info, stills, strict=False, **common)
    describe_frames(info, results / "pixels/a.tsv", results / "pixels/a.thumbnails.h5", **common)
    fetch_weights(network, 3, weights, weights.with_suffix(".json"))
    features = results / "features/a.h5"
    extract_features(
        *(stills, weights, weights.with_suffix(".json"), features),
        **{"network": network, "seed": 3, "threads": 1},
    )
    thresholds = {**CONFIG["thresholds"], "scope": scope}
    del thresholds["kinds"]
    accumulators = {}
    for metric in METRICS:
        changes = results / f"changes/{metric}/a.tsv"
        measure_changes(features, changes, metric=metric)
        ranges = results / f"ranges/{metric}.tsv" if scope == "set" else None
        if ranges:
            pool_ranges({"a": changes}, ranges, thresholds=thresholds)
        for kind in ("static", "dynamic"):
            table = results / f"accumulators/{metric}.{kind}/a.tsv"
            settings = {"kind": kind, "thresholds": thresholds, "seed": 3}
            accumulate_changes(changes, ranges, table, video="a", **settings)
            segments = results / f"segments/{metric}.{kind}/a.tsv"
            segment_video(table, changes, segments, segments=CONFIG["segments"])
            accumulators["a", metric, kind] = table
    summarise_counts(accumulators, results / "accumulators/summary.tsv")


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
