"""Verification of results: what holds, what was altered, what cannot be checked."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from chronovision.confounds.pixels import describe_frames
from chronovision.errors import UserError
from chronovision.features.extraction import extract_features
from chronovision.features.weights import fetch_weights
from chronovision.inventory.standing import read_standing
from chronovision.salience.accumulators import accumulate_changes
from chronovision.salience.changes import measure_changes
from chronovision.salience.counts import summarise_counts
from chronovision.salience.thresholds import pool_ranges
from chronovision.segmentation.segments import segment_video
from chronovision.verification.checks import Check, Tally, attempt, summary
from chronovision.verification.features import Step
from chronovision.verification.results import verify_results
from chronovision.verification.tables import compare_tables, set_tables
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from support.clips import make_clip
from support.paths import PROJECT
from support.sets import MadeSet, made_changes

CONFIG = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
LAYERS = ["pool1", "conv2", "pool5"]
NETWORK = {
    **{**CONFIG["network"], "model": "alexnet", "weights": "untrained", "layers": LAYERS},
    **{"device": "cpu", "keep_maps": ["pool5"]},
}
METRICS = ["correlation", "euclidean", "cosine"]
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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made") / "run"
    make_results(root, NETWORK, FRAMES, "set")
    return root


@pytest.fixture
def results(made, tmp_path):
    """A copy that may be altered; the film is where it was."""
    return Path(shutil.copytree(made / "results", tmp_path / "results"))


def verify(results, sample=N, **options):
    """Whether all holds, and the lines up to the sums, without the spaces of the layout."""
    lines = []
    holds = verify_results(results, sample=sample, seed=0, say=lines.append, **options)
    return holds, [" ".join(line.split()) for line in lines[: lines.index("")]]


def failures(lines):
    """What does not hold or was not checked, without reasons."""
    bad = [line for line in lines if line.startswith(("DOES NOT HOLD", "NOT CHECKED"))]
    return [": ".join(line.split(": ")[: 2 if "a: " in line else 1]) for line in bad]


# What holds


def test_untouched_results_hold(made):
    holds, lines = verify(made / "results")
    assert holds and not failures(lines)
    checks = [line.removeprefix("holds ").split(": ")[:2] for line in lines[2:]]
    kinds = [f"{metric}.{kind}" for metric in sorted(METRICS) for kind in ("dynamic", "static")]
    assert checks[0] == ["weights/alexnet.untrained"]
    assert [check[1] for check in checks if check[0] == "a"] == [
        *("video file", "video facts", "frames", "pixels", "features"),
        *(f"sampled changes/{metric}" for metric in sorted(METRICS)),
        *("channels", *(f"changes/{metric}" for metric in sorted(METRICS))),
        *(f"{table}/{kind}" for table in ("accumulators", "segments") for kind in kinds),
    ]
    rest = [check[0] for check in checks if check[0] != "a"]
    assert rest[1:] == [*(f"ranges/{metric}" for metric in sorted(METRICS)), "summary"]
    assert "Software: the same as when it was made" in lines


def test_a_set_without_clips_holds_whatever_its_order(tmp_path):
    """A table without rows does not keep it; several films may be as short."""
    made = MadeSet(tmp_path)
    for video in ("tree", "road"):
        made.add(video, made_changes(0, 60))
    shutil.move(tmp_path / "changes", tmp_path / "moved")
    changes = Path(shutil.copytree(tmp_path / "moved", tmp_path / "changes/correlation"))
    made.changes = {video: changes / f"{video}.tsv" for video in made.changes}
    made.build("static", durations_s=[5])
    (tmp_path / "videos").mkdir()
    for video in made.changes:
        (tmp_path / "videos" / f"{video}.json").write_text("{}")
    (check,) = set_tables(tmp_path, read_standing(tmp_path))
    assert check.what == "clips/correlation.static" and check.holds, check


@pytest.mark.parametrize(
    ("network", "frames"),
    [
        ({"precision": "bfloat16"}, {}),
        (
            {"layers": ["pool5", "prob"], "keep_maps": []},
            {"fps": 20, "size": 72, "geometry": "pad"},
        ),
        ({"keep_maps": LAYERS, "maps_dtype": "float32"}, {"step_s": 0.08, "geometry": "squash"}),
        ({"model": "swin_t", "layers": ["features.1"], "keep_maps": ["features.1"]}, {}),
    ],
    ids=["bfloat16", "repeated frames", "all maps", "channels last"],
)
def test_other_settings_hold(network, frames, tmp_path):
    make_results(tmp_path / "run", {**NETWORK, **network}, {**FRAMES, **frames}, "video")
    holds, lines = verify(tmp_path / "run" / "results", sample=4)
    assert holds, lines


def test_a_sample_is_drawn_by_seed(results):
    """Two of the fifteen changes; the altered one is among those of some seeds."""
    with h5py.File(results / "features/a.h5", "r+") as file:
        file["layers/pool5/sketch"][8, 0] += np.float16(0.1)
    found = []
    for seed in (0, 3):
        lines = []
        verify_results(results, sample=2, seed=seed, say=lines.append)
        found.append(any("DOES NOT HOLD  a: features" in line for line in lines))
    assert found == [False, True]


# What was altered

LAST = {"mean": (), "std": (), "step_sq": (), "channels": (3,), "sketch": (100,), "maps": (5, 0, 0)}


@pytest.mark.parametrize("name", LAST)
def test_an_altered_moment_is_found(name, results):
    with h5py.File(results / "features/a.h5", "r+") as file:
        dataset = file["layers/pool5"][name]
        where = (N - 2, *LAST[name])
        dataset[where] = 1.01 * dataset[where] + np.float16(0.001)
    _, lines = verify(results)
    found = failures(lines)
    assert "DOES NOT HOLD a: features" in found
    (line,) = (line for line in lines if "NOT HOLD a: features" in line)
    shown = "root of step_sq" if name == "step_sq" else name.removesuffix("s")
    assert f"pool5, row {N - 2}: {shown}" in line and " instead of " in line
    whole = {"mean": "channels", "channels": "channels", "std": "changes/correlation"}
    whole["step_sq"] = "changes/euclidean"
    assert name not in whole or f"DOES NOT HOLD a: {whole[name]}" in found


def alter(path: Path, row: int, column: str, value: object) -> None:
    """Put another text into a cell; the sidecar stays."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table.loc[row, column] = str(value)
    table.to_csv(path, sep="\t", index=False)


def test_an_altered_change_is_found_in_the_table_and_against_the_film(results):
    path = results / "changes/cosine/a.tsv"
    before = float(pd.read_csv(path, sep="\t")["conv2"][12])
    alter(path, 12, "conv2", before * 1.01)
    holds, lines = verify(results)
    found = failures(lines)
    assert not holds and found[:2] == [
        "DOES NOT HOLD a: sampled changes/cosine",
        "DOES NOT HOLD a: changes/cosine",
    ]
    assert any(
        f"conv2 in row 12 of a.tsv is {before * 1.01} instead of {before}" in line for line in lines
    )
    assert "DOES NOT HOLD a: changes/cosine" in failures(verify(results, sample=1)[1])


@pytest.mark.parametrize(
    ("table", "row", "column", "found"),
    [
        ("pixels/a.tsv", 3, "contrast", "a: pixels"),
        ("pixels/a.tsv", 3, "pixel_change", "a: pixels"),
        (
            "accumulators/cosine.dynamic/a.tsv",
            0,
            "conv2_threshold",
            "a: accumulators/cosine.dynamic",
        ),
        ("segments/cosine.static/a.tsv", 0, "duration_s", "a: segments/cosine.static"),
        ("accumulators/summary.tsv", 2, "pool1_count", "summary"),
        ("accumulators/summary.tsv", 5, "duration_s", "summary"),
    ],
)
def test_an_altered_cell_is_found(table, row, column, found, results):
    alter(results / table, row, column, 0.123)
    assert failures(verify(results)[1]) == [f"DOES NOT HOLD {found}"]


def test_altered_ranges_and_what_follows_from_them(results):
    alter(results / "ranges/cosine.tsv", 0, "high", 1.9)
    found = failures(verify(results, sample=1)[1])
    assert "DOES NOT HOLD ranges/cosine" in found
    assert "DOES NOT HOLD a: accumulators/cosine.static" in found


def test_an_altered_time_is_found(results):
    with h5py.File(results / "features/a.h5", "r+") as file:
        file["time_s"][5] += 0.001
    _, lines = verify(results, sample=1)
    assert "DOES NOT HOLD a: frames" in failures(lines)
    assert any("time_s in row 5 is 0.626 instead of 0.625" in line for line in lines)


def test_an_altered_fact_of_the_video_is_found(results):
    path = results / "videos/a.json"
    path.write_text(path.read_text().replace('"width": 96', '"width": 97'))
    found = [line for line in verify(results, sample=1)[1] if "NOT HOLD" in line]
    assert found == ["DOES NOT HOLD a: video facts: width is 97 instead of 96"]


def test_another_film_is_found_and_not_decoded(results, made, tmp_path):
    data = bytearray((made / "films/a.mp4").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.mp4").write_bytes(data)
    _, lines = verify(results, videos=tmp_path)
    assert failures(lines) == ["DOES NOT HOLD a: video file", "NOT CHECKED a: features"]


def test_other_weights_are_found_and_not_used(results):
    path = results / "weights/alexnet.untrained.pth"
    state = torch.load(path, weights_only=True)
    state["features.0.bias"][0] += 1e-3
    torch.save(state, path)
    assert failures(verify(results)[1]) == [
        "DOES NOT HOLD weights/alexnet.untrained",
        "NOT CHECKED a: features",
        *(f"NOT CHECKED a: sampled changes/{metric}" for metric in sorted(METRICS)),
    ]


# What is left over


def record_of(results: Path, **config) -> None:
    """The record of a report on the one film."""
    asked = {**CONFIG, "changes": {"metrics": METRICS}, **config}
    asked["thresholds"] = {**CONFIG["thresholds"], "scope": "set", **config.get("thresholds", {})}
    weights = json.loads((results / "weights/alexnet.untrained.json").read_text())
    about = {"config": asked, "videos": {"a": {}}, "weights": weights, "fits": []}
    (results / "provenance.json").write_text(json.dumps(about))


def test_what_is_left_over_is_named_and_not_checked(results):
    """A film that left the set, a metric and a range that are not asked for any more."""
    record_of(results, changes={"metrics": ["correlation", "cosine"]})
    shutil.copy(results / "videos/a.json", results / "videos/gone.json")
    with h5py.File(results / "features/gone.h5", "w") as file:
        file.attrs["provenance"] = json.dumps({"videos": {"gone": {}}})
    alter(results / "changes/euclidean/a.tsv", 3, "conv2", 0.5)
    alter(results / "ranges/euclidean.tsv", 0, "high", 0.5)
    # Its seed would be taken for that of the sketches.
    first = results / "accumulators/correlation.dynamic/0.json"
    text = (results / "accumulators/correlation.dynamic/a.json").read_text()
    first.write_text(text.replace('"seed": 3', '"seed": 4'))
    alter(results / "accumulators/summary.tsv", 0, "pool1_count", 7)
    holds, lines = verify(results, sample=1)
    assert not holds and failures(lines) == ["DOES NOT HOLD summary"]
    named = "Not of this set, and not checked: euclidean, video gone"
    assert lines[1] == named
    assert lines[2] == f"To list and remove what is left over: make leftovers RESULTS={results}"


# What cannot be checked


def test_a_film_that_has_moved(results, made, tmp_path):
    path = results / "videos/a.json"
    info = json.loads(path.read_text())
    path.write_text(json.dumps({**info, "path": "/elsewhere/a.mp4"}))
    holds, lines = verify(results)
    assert not holds and failures(lines) == ["NOT CHECKED a: video file", "NOT CHECKED a: features"]
    assert any("/elsewhere/a.mp4 is not there: name its folder by VIDEOS=" in one for one in lines)
    assert verify(results, sample=1, videos=made / "films")[0]
    # A relative path counts from the folder of the run, in which the results are.
    path.write_text(json.dumps({**info, "path": "films/a.mp4"}))
    shutil.copytree(made / "films", tmp_path / "films")
    assert verify(results, sample=1)[0]


@pytest.mark.parametrize("path", ["features/a.h5", "weights/alexnet.untrained.pth", "pixels/a.tsv"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_missing_and_damaged_files_leave_the_other_checks(path, how, results):
    file = results / path
    file.write_bytes(b"damaged") if how == "damaged" else file.unlink()
    holds, lines = verify(results, sample=1)
    assert not holds and any(line.startswith("NOT CHECKED") for line in lines)
    assert not [line for line in lines if line.startswith("DOES NOT HOLD")]
    assert "holds summary: 48 values, all equal" in lines
    assert how == "damaged" or any(f"{path}, which this check needs" in line for line in lines)


@pytest.mark.parametrize(
    ("folder", "options", "message"),
    [
        ("nowhere", {}, "no such folder; RESULTS must name a results folder"),
        (".", {}, "no features/ and no videos/ in it"),
        ("results", {"sample": 0}, "a sample is 1 or more"),
        ("results", {"seed": -1}, "a seed 0 or more"),
    ],
)
def test_mistakes_of_the_user(folder, options, message, tmp_path):
    (tmp_path / "results/videos").mkdir(parents=True)
    (tmp_path / "results/videos/a.json").touch()
    with pytest.raises(UserError, match=message):
        verify_results(tmp_path / folder, **{"sample": 1, "seed": 0, **options})


# Deviations


def test_constant_frames_are_no_false_alarm():
    """1 − r of constant frames is set to 0 or 1; rounding makes it anything."""
    rng = np.random.default_rng(0)
    flat, varied = np.full((4, 9), 0.3), rng.normal(size=(4, 9))
    nearly = flat + 1e-17 * varied
    assert Step.between(1, "x", flat, flat).deviation("correlation", 0.0) < 1e-12
    for one, other in ((flat, varied), (varied, flat), (flat, nearly), (nearly, nearly[::-1])):
        for stored in (0.0, 1.0):
            assert Step.between(1, "x", one, other).deviation("correlation", stored) < 1e-12
    zero = np.zeros((4, 9))
    for one, other, stored in ((zero, zero, 0.0), (zero, varied, 1.0), (varied, zero, 1.0)):
        step = Step.between(1, "x", one, other)
        assert step.values["cosine"] == pytest.approx(stored)
        for metric in ("correlation", "cosine"):
            assert step.deviation(metric, stored) == 0
    assert Step.between(1, "x", zero, zero).deviation("euclidean", 0.0) == 0
    assert Step.between(1, "x", zero, zero).deviation("euclidean", 1e-9) == np.inf


def test_a_relative_error_of_the_activations_is_the_deviation_it_makes():
    """Rounding by ε moves every metric by about ε, however small the change."""
    rng = np.random.default_rng(1)
    y = rng.normal(0.5, 1, (16, 49))
    for moved in (1e-6, 1e-3, 1.0):
        x = y + moved * rng.normal(size=y.shape)
        rounded = x * (1 + 1e-5 * rng.normal(size=x.shape))
        true, stored = Step.between(1, "x", y, x), Step.between(1, "x", y, rounded)
        for metric in METRICS:
            assert true.deviation(metric, stored.values[metric]) < 2e-5
            assert true.deviation(metric, true.values[metric]) == 0
            assert true.deviation(metric, np.nan) == np.inf or metric == "euclidean"
            assert true.deviation(metric, 5e3) > 1


def test_nan_is_infinitely_far_off():
    tally = Tally(0.1)
    tally.add([0.05, np.nan, 0.2], "value {}", [1.0, 2.0, 3.0], [1.05, 3.0, 3.2])
    assert (tally.count, tally.wrong, tally.worst) == (3, 2, np.inf)
    assert str(tally).endswith("value 1 is 2 instead of 3")


def compared(tmp_path, stored, made):
    for name, text in (("stored.tsv", stored), ("made.tsv", made)):
        (tmp_path / name).write_text(text)
    tally = Tally(1e-9)
    compare_tables(tmp_path / "stored.tsv", tmp_path / "made.tsv", tally)
    return tally


@pytest.mark.parametrize(
    ("stored", "made", "wrong"),
    [
        ("a\tb\n1\tx\n", "a\tb\n1\tx\n", 0),
        ("a\n0.1\n2.0\n", "a\n0.10000000000000002\n2\n", 0),
        ("a\n1e-20\n1\n", "a\n0\n1\n", 0),
        ("a\n0.1\n2.0\n", "a\n0.100001\n2\n", 1),
        ("a\nn/a\n", "a\n1\n", 1),
        ("a\n1\n", "a\nn/a\n", 1),
        ("a\nx\n", "a\ny\n", 1),
        ("a\n1\n", "a\n1\n2\n", 1),
        ("a\n1\n", "b\n1\n", 1),
        ("a\n", "a\n", 0),
    ],
)
def test_cells_of_tables(tmp_path, stored, made, wrong):
    tally = compared(tmp_path, stored, made)
    assert tally.wrong == wrong
    assert (tally.worst == 0) == (stored == made)


# Lines


def broken():
    raise ValueError("no\n number")


def test_lines_and_sums():
    good, bad = Tally(1e-5), Tally(1e-5)
    good.add(np.zeros(1200), "")
    bad.add([0, 0.5], "pool1, row {}", [1.5, 1.5], [1.5, 1.0])
    checks = [
        attempt("a", "features", lambda: good),
        attempt("b", "features", lambda: bad),
        attempt("b", "video file", lambda: ""),
        attempt("", "summary", broken),
    ]
    assert [str(check) for check in checks] == [
        "holds          a: features: 1,200 values, all equal",
        "DOES NOT HOLD  b: features: 1 of 2 values, largest deviation 5.0e-01 (allowed 1e-05): "
        "pool1, row 1 is 1.5 instead of 1",
        "holds          b: video file",
        "NOT CHECKED    summary: ValueError: no number",
    ]
    assert list(summary(checks)) == [
        "features: 1 of 2 hold, 1,202 values, largest deviation 5.0e-01",
        "video file: 1 of 1 hold",
        "summary: 0 of 1 hold",
        "Of 4 checks 2 hold, 1 do not hold, 1 could not be made.",
    ]
    assert list(summary([Check("a", "x", True)]))[-1] == "All 1 checks hold."
