"""Made sets of videos: tables of changes and pixels as earlier stages write them."""

from pathlib import Path

import numpy as np
import pandas as pd

from chronovision.core.tables import write_table
from chronovision.duration.clips import build_clip_table

LAYERS = ["pool1", "pool2", "pool3"]
NETWORK = {
    "model": "vgg19",
    "weights": "imagenet",
    "weights_sha256": "abc",
    "trained": True,
    "precision": "float32",
    "device": "cpu",
}
THRESHOLDS = {
    "kinds": ["static", "dynamic"],
    "scope": "video",
    "range": "minmax",
    "percentiles": [1, 99],
    "dynamic": {
        "tmax_scale": 1.0,
        "tmax": None,
        "tmin": "min",
        "tau_s": 3.33,
        "tau_frames": None,
        "noise_divisor": 50,
        "bounded": False,
    },
}
CLIPS = {
    "mode": "random",
    "durations_s": [1, 2, 4, 8],
    "coverage": 2,
    "max_per_video": 40,
    "min_video_s": None,
    "snapshots": 0,
    "repeats": 1,
}


def made_changes(seed: int, n: int, n_layers: int = len(LAYERS)) -> np.ndarray:
    """Independent changes, (n, layers), first row NaN."""
    changes = np.random.default_rng(seed).gamma(4, 0.02, (n, n_layers))
    changes[0] = np.nan
    return changes


class MadeSet:
    """Tables of a made set in `folder`; videos are added one by one."""

    def __init__(self, folder: Path, layers=LAYERS, **network):
        self.folder, self.layers = folder, list(layers)
        self.network = {**NETWORK, "layers": self.layers, **network}
        self.changes, self.pixels, self.groups = {}, {}, {}

    def add(
        self, video, changes, pixels=None, rate=30.0, time_s=None, group=None, size=224, file=None
    ):
        n = len(changes)
        provenance = {
            "software": {},
            "videos": {video: {"path": f"{video}.mp4", "sha256": file or video, "stream": 0}},
            "network": self.network,
            "steps": {"dump_frames": {"size": size, "geometry": "crop"}},
        }
        times = np.arange(n) / rate if time_s is None else time_s
        rows = {"frame": np.arange(n), "source_frame": np.arange(n), "time_s": times}
        layers = dict(zip(self.layers, changes.T, strict=True))
        pixels = made_changes(len(self.changes), n, 1)[:, 0] if pixels is None else pixels
        self.groups[video] = group or video
        for name, columns in (("changes", layers), ("pixels", {"pixel_change": pixels})):
            table = pd.DataFrame({**rows, **columns})
            path = self.folder / name / f"{video}.tsv"
            write_table(path, table, {column: ("", "") for column in table}, provenance)
            getattr(self, name)[video] = path
        return self

    def build(self, threshold="dynamic", thresholds=THRESHOLDS, ranges=None, seed=0, **clips):
        table = self.folder / "clips" / f"correlation.{threshold}.tsv"
        controls = self.folder / "clips" / "controls" / f"correlation.{threshold}.tsv"
        build_clip_table(
            changes=self.changes,
            pixels=self.pixels,
            ranges=ranges,
            groups=self.groups,
            metric="correlation",
            threshold=threshold,
            thresholds=thresholds,
            clips={**CLIPS, **clips},
            seed=seed,
            table=table,
            controls=controls,
        )
        return table, controls


def made_set(folder: Path, n_videos: int, n: int = 900, **options) -> MadeSet:
    """Videos v00, v01, … of independent changes."""
    made = MadeSet(folder, **options)
    for index in range(n_videos):
        made.add(f"v{index:02d}", made_changes(index, n, len(made.layers)))
    return made
