"""The documentation: its links, its tables and the example that it computes by hand."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from chronovision.accumulators import accumulate_changes
from chronovision.changes import measure_changes
from chronovision.clips import build_clip_table
from chronovision.duration import fit_duration_model
from chronovision.features import extract_features
from chronovision.frames import dump_frames
from chronovision.pixels import describe_frames
from chronovision.probe import probe_video
from chronovision.store import read_table
from chronovision.tools import find_tools
from chronovision.weights import fetch_weights

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", PROJECT / "config" / "README.md", *sorted(DOCS.glob("*.md"))]
CONFIG = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))

# --- one_clip.md on a small set

#: Poolings of AlexNet, by torchvision's nodes.
NODES = {"features.2": "pool1", "features.5": "pool2", "features.12": "pool5"}
SETTINGS = {"size": 64, "geometry": "crop", "every": 1, "fps": None}
NETWORK = {
    **CONFIG["network"],
    "model": "alexnet",
    "weights": "untrained",
    "layers": list(NODES.values()),
    "device": "cpu",
}
CLIPS = {**CONFIG["clips"], "durations_s": [0.5, 1, 1.5, 2]}
THRESHOLDS = {key: value for key, value in CONFIG["thresholds"].items() if key != "kinds"}
THRESHOLDS["dynamic"] = {**THRESHOLDS["dynamic"], "tau_s": 0.7}
SOURCES = {
    "busy": "testsrc2=s=96x64:r=10:d=3[a];mandelbrot=s=96x64:r=10,trim=end_frame=25[b];[a][b]concat",
    "calm": "mandelbrot=s=96x64:r=10,trim=end_frame=50",
    "mixed": "life=s=96x64:r=10:seed=1,trim=end_frame=30[a];testsrc2=s=96x64:r=10:d=2[b];[a][b]concat",
}


def make_video(path: Path, source: str) -> None:
    command = [find_tools().ffmpeg, "-v", "error", "-filter_complex", source]
    command += ["-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def run_video(root: Path, video: str, path: Path) -> None:
    """All stages of one video, as its jobs run them."""
    info, pixels = root / f"videos/{video}.json", root / f"pixels/{video}.tsv"
    frames, features = root / f"frames/{video}.h5", root / f"features/{video}.h5"
    common = {"video": video, "settings": SETTINGS, "span": (None, None)}
    probe_video(path, info, stream=None)
    dump_frames(info, frames, strict=False, **common)
    describe_frames(info, pixels, pixels.with_suffix(".thumbnails.h5"), **common)
    weights = root / "weights/alexnet.untrained.pth"
    extract_features(
        *(frames, weights, weights.with_suffix(".json"), features),
        network=NETWORK,
        seed=0,
        threads=1,
    )
    changes = root / f"changes/correlation/{video}.tsv"
    measure_changes(features, changes, metric="correlation")
    accumulators = root / f"accumulators/correlation.static/{video}.tsv"
    settings = {"kind": "static", "settings": THRESHOLDS, "seed": 0}
    accumulate_changes(changes, None, accumulators, video=video, **settings)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A results folder of three short videos, up to the fit."""
    root = tmp_path_factory.mktemp("results")
    weights = root / "weights/alexnet.untrained.pth"
    fetch_weights(NETWORK, 0, weights, weights.with_suffix(".json"))
    for video, source in SOURCES.items():
        make_video(root / f"{video}.mp4", source)
        run_video(root, video, root / f"{video}.mp4")
    for threshold in ("static", "dynamic"):
        clips = root / f"clips/correlation.{threshold}.tsv"
        controls = root / f"clips/controls/correlation.{threshold}.tsv"
        build_clip_table(
            {video: root / f"changes/correlation/{video}.tsv" for video in SOURCES},
            {video: root / f"pixels/{video}.tsv" for video in SOURCES},
            *(None, clips, controls),
            groups={video: video for video in SOURCES},
            metric="correlation",
            threshold=threshold,
            thresholds=THRESHOLDS,
            clips=CLIPS,
            seed=0,
        )
        fit = root / f"duration/correlation.{threshold}"
        fit_duration_model(
            *(clips, controls, fit / "predictions.tsv", fit / "scores.tsv", fit / "model.skops"),
            duration={"estimators": ["ridge"], "folds": 5},
            metric="correlation",
            threshold=threshold,
        )
    return root


def code_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_one_clip_gives_the_numbers_of_the_pipeline(results, capsys):
    """The first block says what to look at and is replaced; the last compares with the tables."""
    _, *blocks = code_blocks(DOCS / "one_clip.md")
    assert "assert_allclose(predicted_s" in blocks[-1]
    counts = read_table(results / "clips/correlation.static.tsv").set_index("clip")
    counts = counts.loc[counts["video"] == "busy", [f"{layer}_count" for layer in NODES.values()]]
    clip = counts.sum(axis=1).idxmax()
    names = {"results": str(results), "video": "busy", "clip": clip, "nodes": NODES}
    names |= {"model": "alexnet", "weights": str(results / "weights/alexnet.untrained.pth")}
    names |= {"seed": 0, "tau_s": 0.7}
    exec(compile("\n".join(blocks), "one_clip.md", "exec"), names)
    assert clip in capsys.readouterr().out
    assert names["counts"].sum() > 0
    assert names["dynamic"].sum() > 0
