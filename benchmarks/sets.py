"""What a set of videos costs: table of clips, duration model, and Snakemake's part in it."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import stages
from chronovision.commands.demo import carried_clip
from measure import best_of, in_process

#: Frames per second.
RATE = 30
#: Videos of the set.
VIDEOS = 33
#: Length of each in seconds.
VIDEO_S = 300
#: Seeds of the dynamic thresholds' noise.
SEEDS = 20
#: Clips per video: 33 × 130 = 4,290.
CLIPS_PER_VIDEO = 130


def measure(folder: Path) -> dict:
    """Seconds and MB of the set-wide stages, on made changes of real size."""
    costs = {}
    for name, repeats in (("build_clip_table, 20 noise seeds", SEEDS), ("build_clip_table", 1)):
        costs[name] = [in_process(build_clips, folder, repeats)]
    costs["fit_duration_model"] = [in_process(fit, folder)]
    clips = costs["build_clip_table"][0].result
    return {"n_clips": clips, "stages": stages.as_json(costs)}


def build_clips(folder: Path, repeats: int) -> int:
    """Number of clips."""
    from chronovision.core.tables import read_table
    from chronovision.duration.clips import build_clip_table

    changes, pixels = _made_set(folder)
    table, controls = _tables(folder)
    build_clip_table(
        changes=changes,
        pixels=pixels,
        ranges=None,
        groups={video: video for video in changes},
        metric="correlation",
        threshold="dynamic",
        thresholds=stages.CONFIG["thresholds"],
        clips={
            **stages.CONFIG["clips"],
            **{"max_per_video": CLIPS_PER_VIDEO, "coverage": 20, "repeats": repeats},
        },
        seed=0,
        table=table,
        controls=controls,
    )
    return read_table(table)["clip"].nunique()


def fit(folder: Path) -> None:
    from chronovision.duration.model import fit_duration_model

    clips, controls = _tables(folder)
    fit_duration_model(
        clips=clips,
        controls=controls,
        duration={"estimators": ["svr", "ridge"], "folds": 5},
        metric="correlation",
        threshold="dynamic",
        predictions=folder / "set/duration/predictions.tsv",
        scores=folder / "set/duration/scores.tsv",
        model=folder / "set/duration/model.skops",
    )


def _tables(folder: Path) -> tuple[Path, Path]:
    return folder / "set/clips/table.tsv", folder / "set/clips/controls.tsv"


def _made_set(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Tables of changes and of pixels, video -> path; made once."""
    from chronovision.core.tables import write_table

    changes, pixels = {}, {}
    n = RATE * VIDEO_S
    head = {"frame": np.arange(n), "source_frame": np.arange(n), "time_s": np.arange(n) / RATE}
    for index in range(VIDEOS):
        video = f"v{index:02d}"
        changes[video] = folder / f"set/changes/{video}.tsv"
        pixels[video] = folder / f"set/pixels/{video}.tsv"
        if pixels[video].exists():
            continue
        rng = np.random.default_rng(index)
        series = rng.gamma(4, 0.02, (n, len(stages.POOLS)))
        series[0] = np.nan
        layers = dict(zip(stages.POOLS, series.T, strict=True))
        for path, columns in (
            (changes[video], layers),
            (pixels[video], {"pixel_change": series[:, 0]}),
        ):
            table = pd.DataFrame({**head, **columns})
            write_table(path, table, {name: ("", "") for name in table}, _provenance(video))
    return changes, pixels


def _provenance(video: str) -> dict:
    network = {"model": "vgg19", "weights": "untrained", "weights_sha256": "", "trained": False}
    return {
        "software": {},
        "videos": {video: {"path": "", "sha256": video, "stream": 0}},
        "network": {**network, "layers": stages.POOLS, "precision": "float32", "device": "cpu"},
        "steps": {"dump_frames": {"size": 224, "geometry": "crop"}},
    }


def measure_plans(folder: Path, numbers=(10, 100, 300, 1000)) -> list[dict]:
    """Seconds of `snakemake -n` on sets of so many videos, of the fastest of three."""
    return [
        {"videos": n, "s": best_of(3, partial(run_set, folder, n, "--dry-run"))} for n in numbers
    ]


def measure_small_jobs(folder: Path, number: int = 12) -> dict:
    """Seconds that a small job takes, start-up and all: probing the same short file many times."""
    run_set(folder, number, "--until", "fetch_weights")
    start = time.perf_counter()
    run_set(folder, number, "--until", "probe_video", "--forcerun", "probe_video")
    many = time.perf_counter() - start
    start = time.perf_counter()
    run_set(folder, 1, "--until", "probe_video", "--forcerun", "probe_video")
    one = time.perf_counter() - start
    return {"jobs": number, "s_per_job": (many - one) / (number - 1)}


def run_set(folder: Path, number: int, *words: str) -> None:
    """Run the workflow, one job at a time, on so many videos."""
    home = folder / "plans" / f"{number}"
    home.mkdir(parents=True, exist_ok=True)
    clip = carried_clip("bikes")
    rows = [f"v{index:04d}\t{clip}\n" for index in range(number)]
    (home / "videos.tsv").write_text("video\tpath\n" + "".join(rows), encoding="utf-8")
    config = "videos: videos.tsv\nnetwork: {weights: untrained, device: cpu}\n"
    (home / "config.yaml").write_text(config, encoding="utf-8")
    stages.snakemake(home, *words, cores=1)
