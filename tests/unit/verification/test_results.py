"""What holds, what is left over, and what cannot be checked."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from chronovision.core.metrics import METRICS
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.inventory.current_set import read_current_set
from chronovision.verification.checks import Check, Tally, attempt, summary
from chronovision.verification.results import verify_results
from chronovision.verification.tables import set_tables
from support.sets import MadeSet, made_changes
from support.tiers import moderate_after
from support.verified import (
    CONFIG,
    FRAMES,
    LAYERS,
    NETWORK,
    alter,
    failures,
    make_results,
    verify,
)

# What holds


@pytest.mark.moderate
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
    (check,) = set_tables(Results(tmp_path), read_current_set(tmp_path))
    assert check.what == "clips/correlation.static" and check.holds, check


@pytest.mark.slow
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


@pytest.mark.moderate
def test_a_sample_is_drawn_by_seed(results):
    """Two of the fifteen changes; the altered one is among those of some seeds."""
    with h5py.File(Results(results).features(video="a"), "r+") as file:
        file["layers/pool5/sketch"][8, 0] += np.float16(0.1)
    found = []
    for seed in (0, 3):
        lines = []
        verify_results(results, sample=2, seed=seed, say=lines.append)
        found.append(any("DOES NOT HOLD  a: features" in line for line in lines))
    assert found == [False, True]


# What is left over


def record_of(results: Path, **config) -> None:
    """The record of a report on the one film."""
    asked = {**CONFIG, "changes": {"metrics": [*METRICS]}, **config}
    asked["thresholds"] = {**CONFIG["thresholds"], "scope": "set", **config.get("thresholds", {})}
    weights = json.loads((results / "weights/alexnet.untrained.json").read_text())
    about = {"config": asked, "videos": {"a": {}}, "weights": weights, "fits": []}
    Results(results).provenance().write_text(json.dumps(about))


@pytest.mark.moderate
def test_what_is_left_over_is_named_and_not_checked(results):
    """A film that left the set, a metric and a range that are not asked for any more."""
    record_of(results, changes={"metrics": ["correlation", "cosine"]})
    shutil.copy(Results(results).video_facts(video="a"), Results(results).video_facts(video="gone"))
    with h5py.File(Results(results).features(video="gone"), "w") as file:
        file.attrs["provenance"] = json.dumps({"videos": {"gone": {}}})
    alter(Results(results).changes(metric="euclidean", video="a"), 3, "conv2", 0.5)
    alter(Results(results).ranges(metric="euclidean"), 0, "high", 0.5)
    # Its seed would be taken for that of the sketches.
    first = results / "accumulators/correlation.dynamic/0.json"
    text = (results / "accumulators/correlation.dynamic/a.json").read_text()
    first.write_text(text.replace('"seed": 3', '"seed": 4'))
    alter(Results(results).summary(), 0, "pool1_count", 7)
    holds, lines = verify(results, sample=1)
    assert not holds and failures(lines) == ["DOES NOT HOLD summary"]
    named = "Not of this set, and not checked: euclidean, video gone"
    assert lines[1] == named
    assert lines[2] == f"To list and remove what is left over: make leftovers RESULTS={results}"


# What cannot be checked


@pytest.mark.moderate
def test_a_film_that_has_moved(results, made, tmp_path):
    path = Results(results).video_facts(video="a")
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


@pytest.mark.moderate
@pytest.mark.parametrize(
    "path", moderate_after(1, ["features/a.h5", "weights/alexnet.untrained.pth", "pixels/a.tsv"])
)
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
