"""Makes small results folders of random numbers, in the form in which the stages leave them."""

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from chronovision.core.files import write_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.provenance import merge
from chronovision.core.results import Results
from chronovision.core.tables import read_table, write_table
from chronovision.core.variants import Variant
from support.paths import PROJECT

POOLS = ("pool1", "pool2", "pool3", "pool4", "pool5")
VARIANTS = tuple(
    Variant(metric, threshold)
    for metric in ("correlation", "euclidean")
    for threshold in ("static", "dynamic")
)
METRICS = ("r2", "rmse_s", "mae_s", "relative_error", "slope", "intercept_s")
CONFIG = PROJECT / "config" / "config.yaml"


class MadeResults:
    """A results folder under `root`; `add_video` and `add_set` fill it.

    shape of the changes: "busy" (noise with cuts), "still" (all zero) or "gaps" (n/a among them).
    """

    def __init__(self, root: Path, layers=POOLS, variants=VARIANTS, trained: bool = True) -> None:
        self.root, self.layers = Path(root), list(layers)
        self.variants, self.trained = variants, trained
        self.results = Results(root)
        self.videos: dict[str, dict] = {}
        self.config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))

    @property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(variant.metric for variant in self.variants))

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def provenance(self, video: str | None = None) -> dict:
        """Record of one video, or of the set."""
        return self._record(video) if video else merge({v: self._record(v) for v in self.videos})

    def _record(self, video: str) -> dict:
        return {
            "software": {
                "chronovision": "0.1.0",
                "commit": "0123456789abcdef",
                "dirty": False,
                "python": "3.11.2",
                "torchvision": "0.29.1",
                "numpy": "2.4.6",
                "ffmpeg": "7.0.2",
            },
            "videos": {video: {"path": f"films/{video}.mp4", "sha256": "ab" * 32}},
            "network": {
                "model": "vgg19",
                "weights": "imagenet" if self.trained else "untrained",
                "weights_sha256": "cd" * 32,
                "trained": self.trained,
                "layers": self.layers,
                "precision": "float32",
                "device": "cpu",
            },
            "steps": {"dump_frames": {**self.config["frames"], "start_s": None, "end_s": 9.5}},
        }

    def table(
        self, path: Path, table: pd.DataFrame, video: str | None = None, **about: object
    ) -> None:
        """Write a table of a video, or of the set; `about` goes into its provenance."""
        described = {name: (f"made {name}", "unit") for name in table}
        write_table(path, table, described, self.provenance(video) | about)

    def empty(self, path: Path, **why: str) -> None:
        """Take the rows out of a table, for a reason with a remedy."""
        self.table(path, read_table(path).head(0), why_empty=why)

    def add_video(self, video: str, n: int = 200, fps: float = 25.0, shape: str = "busy") -> None:
        rng = np.random.default_rng([len(self.videos), n])
        time = np.arange(n) / fps
        cuts = [c for c in (n // 5, n // 2, 4 * n // 5) if 0 < c < n] if shape == "busy" else []
        self.videos[video] = {"time": time, "n": n, "fps": fps}
        self._add_facts(video, n, fps)
        self._add_features(video, rng, time, cuts, shape)
        self._add_thumbnails(video, time)
        self._add_changes(video, rng, time, cuts, shape)

    def _add_facts(self, video: str, n: int, fps: float) -> None:
        facts = {
            "path": f"films/{video}.mp4",
            "sha256": "ab" * 32,
            "stream": 0,
            "video_streams": [0],
            "codec": "h264",
            "width": 640,
            "height": 360,
            "rotation": 0,
            "sar": "1:1",
            "frame_rate": fps,
            "vfr": False,
            "n_frames": n,
            "duration_s": n / fps,
        }
        write_json(self.results.video_facts(video=video), facts)
        notes = [
            ("info", "key_frame_ratio", 1.2, "changes at key frames are 1.2 times the others"),
            ("warning", "exact_duplicates", 3, "3 frames equal the one before"),
        ]
        table = pd.DataFrame(notes, columns=["level", "note", "value", "message"])
        self.table(
            self.results.quality(video=video),
            table[["note", "level", "value", "message"]],
            video,
        )

    def _add_features(self, video, rng, time, cuts, shape) -> None:
        n = len(time)
        scene = np.searchsorted(cuts, np.arange(n), side="right")
        with new_h5(self.results.features(video=video), self.provenance(video)) as file:
            file.attrs["layers"] = json.dumps(self.layers)
            file["time_s"], file["source_frame"] = time, np.arange(n)
            for layer in self.layers:
                centres = rng.normal(size=(len(cuts) + 1, 512))
                drift = np.zeros((n, 512)) if shape == "still" else rng.normal(size=(n, 512)) * 0.4
                values = centres[scene] + drift.cumsum(axis=0) * 0.15
                group = file.create_group(f"layers/{layer}")
                group["channels"] = np.c_[values[:, :63], np.full(n, 7.0)].astype("f4")
                norm = np.linalg.norm(values, axis=1, keepdims=True)
                group["sketch"] = (values / norm).astype("f2")

    def _add_thumbnails(self, video, time) -> None:
        chosen = np.unique(np.rint(np.linspace(0, len(time) - 1, 40)).astype(int))
        pictures = []
        for frame in chosen:
            grey = np.linspace(0, 255, 112)[:, None] * np.ones(112)
            rgb = np.stack([grey, grey.T, np.full((112, 112), 255 * frame / len(time))], axis=2)
            out = io.BytesIO()
            Image.fromarray(rgb.astype("u1")).save(out, "JPEG")
            pictures.append(np.frombuffer(out.getvalue(), "u1"))
        with new_h5(self.results.thumbnails(video=video), {}) as file:
            file["frame"], file["time_s"] = chosen, time[chosen]
            jpeg = file.create_dataset("jpeg", (len(chosen),), dtype=h5py.vlen_dtype("u1"))
            for row, picture in enumerate(pictures):
                jpeg[row] = picture

    def _add_changes(self, video, rng, time, cuts, shape) -> None:
        n = len(time)
        shared = rng.lognormal(-3, 0.4, n)
        shared[cuts] *= 12
        for metric in self.metrics:
            table = pd.DataFrame(
                {"frame": np.arange(n), "source_frame": np.arange(n), "time_s": time}
            )
            for depth, layer in enumerate(self.layers):
                unit = 1.0 if metric != "euclidean" else 5e4 / 4**depth
                values = shared * rng.lognormal(0, 0.2, n) * unit * (shape != "still")
                values[0] = np.nan
                if shape == "gaps":
                    values[1 : n // 3] = np.nan
                table[layer] = values
            self.table(self.results.changes(metric=metric, video=video), table, video)
            for variant in (one for one in self.variants if one.metric == metric):
                self._add_counts(video, variant, table, rng)

    def _add_counts(self, video, variant, changes, rng) -> None:
        n, time = len(changes), changes["time_s"].to_numpy()
        table = pd.DataFrame({"frame": np.arange(n), "time_s": time})
        for layer in self.layers:
            values = changes[layer].to_numpy()
            top = np.nextafter((np.nanmax(values) + np.nanmin(values)) / 2, np.inf)
            threshold = np.full(n, top)
            if variant.threshold == "dynamic":
                threshold = top * (0.2 + 0.8 * np.exp(-(np.arange(n) % 60) / 20))
            salient = np.r_[False, values[1:] > threshold[1:]]
            table[f"{layer}_threshold"] = threshold
            table[f"{layer}_salient"] = salient
            table[f"{layer}_count"] = salient.cumsum()
        self.table(self.results.accumulators(variant=variant, video=video), table, video)
        majority = table[[f"{layer}_salient" for layer in self.layers]].mean(axis=1) > 0.5
        starts = np.unique(np.r_[0, np.flatnonzero(majority)])
        lengths = np.diff(np.r_[starts, n])
        segments = pd.DataFrame(
            {
                "segment": np.arange(len(starts)),
                "start_frame": starts,
                "n_frames": lengths,
                "start_s": time[starts],
                "duration_s": lengths * (time[1] - time[0]),
                "change": np.r_[np.nan, changes[self.layers].mean(axis=1)[starts[1:]]],
                "n_layers": len(self.layers),
            }
        )
        self.table(self.results.segments(variant=variant, video=video), segments, video)

    def add_set(self, fit: bool = True) -> None:
        """Tables over all videos that were added; `fit`: with a duration model."""
        rng = np.random.default_rng(5)
        rows = []
        for video, about in self.videos.items():
            for variant in self.variants:
                counts = {f"{layer}_count": int(rng.integers(0, 90)) for layer in self.layers}
                head = {"video": video, **variant._asdict()}
                size = {"n_frames": about["n"], "duration_s": about["n"] / about["fps"]}
                rows.append(head | size | counts)
        self.table(self.results.summary(), pd.DataFrame(rows))
        weights = {
            "model": "vgg19",
            "source": "imagenet" if self.trained else "untrained",
            "asked": "auto",
            "trained": self.trained,
            "sha256": "cd" * 32,
            "origin": None,
            "reason": None if self.trained else "no connection to download.pytorch.org",
        }
        write_json(self.results.weights_facts(weights="vgg19"), weights)
        for variant in self.variants:
            self._add_clips(variant, rng, fit)

    def _add_clips(self, variant, rng, fit) -> None:
        n, names = 60 * len(self.videos), list(self.videos)
        duration = rng.choice([1, 2, 3, 4, 6, 8, 12, 16, 24, 32], n) * 1.0
        video = np.array(names, dtype=object)[np.arange(n) % len(names)]
        clips = pd.DataFrame({"clip": [f"c{i}" for i in range(n)], "video": video, "group": video})
        clips["duration_s"] = duration
        for depth, layer in enumerate(self.layers):
            clips[f"{layer}_count"] = rng.poisson(duration * (0.5 + depth / 4))
        counts = sorted(clips["duration_s"].value_counts().items())
        rows = [
            {"duration_s": d, "n_clips": n, "least_coverage": n / 200, "most_coverage": n / 90}
            for d, n in counts
        ]
        design = {
            "n_videos": len(names),
            "n_clips": n,
            "durations": rows,
            "shortest": {"video": names[0], "duration_s": 70.5},
            "short_videos": {},
            "too_long_s": [48, 64],
            "same_length_s": [],
        }
        self.table(self.results.clips(variant=variant), clips, design=design)
        if fit:
            self._add_fit(variant, clips, rng)

    def _add_fit(self, variant, clips, rng) -> None:
        names = list(self.videos)
        parts, scores = [], []
        for estimator in ("svr", "ridge"):
            part = clips[["clip", "video", "group", "duration_s"]].copy()
            noise = 0.12 * part["duration_s"] * rng.normal(size=len(part))
            part["predicted_s"] = 0.9 * part["duration_s"] + 1 + noise
            part["fold"] = part["group"].map(names.index)
            part["estimator"] = estimator
            parts.append(part)
        self.table(self.results.predictions(variant=variant), pd.concat(parts))
        controls = ("mean_duration", "constant_rate", "frame_count", "permuted", "pixel_change")
        conditions = [("none", "all"), *(("none", layer) for layer in self.layers)]
        conditions += [(control, "all") for control in controls]
        for estimator in ("svr", "ridge"):
            for control, layers in conditions:
                splits = ["train", "test"]
                splits += [f"test:{name}" for name in names] if control == "none" else []
                for split in splits:
                    for metric in METRICS:
                        value = round(float(rng.uniform(0.1, 0.99)), 4)
                        n_groups = 1 if ":" in split else len(names)
                        scores.append((estimator, control, layers, split, metric, value, n_groups))
        columns = ["estimator", "control", "layers", "split", "metric", "value", "n_groups"]
        table = pd.DataFrame(scores, columns=columns)
        self.table(self.results.scores(variant=variant), table)
