"""A finished run is verified, and what is altered in it by hand is found."""

import re
import subprocess
import sys

import h5py
import pandas as pd
import pytest

from chronovision.core.results import Results
from chronovision.verification.results import verify_results
from support.paths import PROJECT
from support.pipeline import files
from support.tiers import slow_after

VIDEOS = ("cuts", "streams", "zoom")
VARIANTS = ("correlation.dynamic", "correlation.static")
SCRIPT = [sys.executable, PROJECT / "scripts/verify_results.py"]


def verify(results, **options):
    """Checks that do not hold and that could not be made, without reasons."""
    lines = []
    holds = verify_results(results, sample=1, seed=0, say=lines.append, **options)
    found = {"DOES NOT HOLD": [], "NOT CHECKED": []}
    for line in lines:
        for verdict in found:
            if line.startswith(verdict):
                subject = line.removeprefix(verdict).split(": ")
                found[verdict].append(
                    ": ".join(subject[: 1 + (subject[0].strip() in VIDEOS)]).strip()
                )
    assert holds == (not any(found.values()))
    return found["DOES NOT HOLD"], found["NOT CHECKED"]


def test_a_finished_run_holds_and_stays_as_it_is(finished, tmp_path):
    before = {name: (finished / name).stat().st_mtime_ns for name in files(finished)}
    command = [*SCRIPT, finished / "results", "--sample", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert done.stdout.endswith("\nAll 42 checks hold.\n")
    for line in ("frames: 3 of 3 hold", "features: 3 of 3 hold", "duration: 2 of 2 hold, "):
        assert f"\n{line}" in done.stdout
    assert {name: (finished / name).stat().st_mtime_ns for name in files(finished)} == before
    assert not files(tmp_path)


def test_a_mistake_is_one_line(tmp_path):
    done = subprocess.run([*SCRIPT, tmp_path / "none"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: .*/none: no such folder; .*\n", done.stderr)


def alter_cell(results, name, row, column, value=None):
    """Another value in a table: `value`, or a thousandth more than there is."""
    path = results / name
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table.loc[row, column] = value or repr(float(table.loc[row, column]) * 1.001)
    table.to_csv(path, sep="\t", index=False)


def alter_moment(results, name):
    with h5py.File(Results(results).features(video="zoom"), "r+") as file:
        file[f"layers/pool5/{name}"][20] *= 1.001


#: What is altered -> (how, checks that do not hold). One frame of each video is drawn, so that a
#: video's own checks are those of all rows.
ALTERED = {
    "a change": (
        lambda results: alter_cell(results, "changes/correlation/cuts.tsv", 30, "pool2"),
        ["cuts: changes/correlation"],
    ),
    "a count": (
        lambda results: alter_cell(
            results, "accumulators/correlation.static/zoom.tsv", 47, "pool1_count", "77"
        ),
        ["zoom: accumulators/correlation.static", "summary"],
    ),
    "a segment": (
        lambda results: alter_cell(results, "segments/correlation.static/cuts.tsv", 0, "n_frames"),
        ["cuts: segments/correlation.static"],
    ),
    "the summary": (
        lambda results: alter_cell(results, "accumulators/summary.tsv", 1, "pool2_count", "9"),
        ["summary"],
    ),
    "a clip": (
        lambda results: alter_cell(results, "clips/correlation.static.tsv", 5, "start_s"),
        ["clips/correlation.static"],
    ),
    "a control": (
        lambda results: alter_cell(
            results, "clips/controls/correlation.dynamic.tsv", 5, "pixel_count", "50"
        ),
        ["clips/correlation.dynamic", "duration/correlation.dynamic"],
    ),
    "a score": (
        lambda results: alter_cell(results, "duration/correlation.static/scores.tsv", 0, "value"),
        ["duration/correlation.static"],
    ),
    "a standard deviation": (
        lambda results: alter_moment(results, "std"),
        ["zoom: changes/correlation"],
    ),
    "a channel": (lambda results: alter_moment(results, "channels"), ["zoom: channels"]),
}


@pytest.mark.parametrize("what", slow_after(1, ALTERED))
def test_what_is_altered_by_hand_is_found(what, rerun):
    alter, wrong = ALTERED[what]
    alter(rerun / "results")
    assert verify(rerun / "results") == (wrong, [])


@pytest.mark.slow
def test_all_that_follows_from_an_altered_change_is_found(rerun):
    """The largest change of a layer sets its thresholds."""
    alter_cell(rerun / "results", "changes/correlation/cuts.tsv", 18, "pool1", "1.9")
    wrong, unchecked = verify(rerun / "results")
    follows = [f"cuts: accumulators/{variant}" for variant in VARIANTS]
    assert wrong[:3] == ["cuts: changes/correlation", *follows] and not unchecked
    assert "clips/correlation.dynamic" in wrong
    assert not [what for what in wrong if what.startswith(("streams", "zoom"))]


def test_a_film_altered_in_one_byte_is_found(rerun, videos, tmp_path):
    data = bytearray(videos["cuts"].read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "cuts.mp4").write_bytes(data)
    found = verify(rerun / "results", videos=tmp_path)
    assert found == (["cuts: video file"], ["cuts: features"])


@pytest.mark.slow
def test_a_missing_film_cannot_be_checked(rerun):
    path = rerun / "results/videos/cuts.json"
    path.write_text(path.read_text().replace("cuts.mp4", "gone.mp4"))
    assert verify(rerun / "results") == ([], ["cuts: video file", "cuts: features"])
