"""`make run` on a folder that changes: other settings, a film less, and what is left over."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePath

import pytest
import yaml

from chronovision.core.results import Results
from chronovision.inventory.layout import owner_of
from support.paths import PROJECT
from support.pipeline import TINY, copy_project, files, merged

#: Files of a finished set that are of no video, metric, threshold or network.
OF_THE_SET = re.compile(
    r"provenance\.json|accumulators/summary\.(tsv|json)|locks/.+\.lock"
    r"|report/(index\.html|methods\.md|references\.bib)"
    r"|(logs|benchmarks)/(summarise_counts|plot_set|render_report)\.(log|tsv)"
)


def test_every_file_of_a_run_has_its_place_in_the_layout(finished):
    made = files(finished / "results")
    unknown = {name for name in made if owner_of(PurePath(name)) is None}
    assert len(made) > 100 and not {name for name in unknown if not OF_THE_SET.fullmatch(name)}
    owned = {owner.video for name in made if (owner := owner_of(PurePath(name)))}
    assert owned == {"cuts", "streams", "zoom", None}


@pytest.fixture
def place(tmp_path, videos):
    """The project with an environment that stands already, and a folder of three films."""
    place = tmp_path / "a project"
    place.mkdir()
    copy_project(place)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, place)
    programs = place / ".venv/bin"
    programs.mkdir(parents=True)
    for name, words in (("python", ""), ("snakemake", "-m snakemake")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    (place / ".venv/.ready").touch()
    (place / "films").mkdir()
    for path in videos.values():
        shutil.copy(path, place / "films")
    return place


def make(place: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *words, "CORES=2"],
        cwd=place,
        env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
    )


def run(place: Path, overlay: dict, *words: str) -> subprocess.CompletedProcess:
    settings = merged({key: value for key, value in TINY.items() if key != "videos"}, overlay)
    (place / "my.yaml").write_text(yaml.safe_dump(settings))
    return make(place, "run", "VIDEOS=films", "CONFIG=my.yaml", *words)


def times(results: Path) -> dict[str, int]:
    return {name: (results / name).stat().st_mtime_ns for name in files(results)}


@pytest.mark.slow
def test_a_folder_of_films_over_time(place):
    """One long story, as each chapter needs the run before."""
    there = {"pathvars": {"results": "out/set 1"}}
    results = place / "out/set 1"
    done = run(place, there)
    assert done.returncode == 0, done.stderr
    assert f"Report: {results}/report/index.html" in done.stdout
    assert Results(results).model(variant="correlation.static").is_file()

    # Other thresholds go on; other frames would replace the features.
    smaller = merged(there, {"frames": {"size": 72}})
    before = times(results)
    refused = run(place, smaller)
    assert refused.returncode != 0 and times(results) == before
    for line in (
        "  frames.size: 64 -> 72",
        "the features of 3 of 3 videos",
        "change `results` under `pathvars` in my.yaml to `results: out/set 1_2`",
        "REPLACE=yes",
    ):
        assert line in refused.stderr, refused.stderr

    # A film less, and a threshold less.
    (place / "films/zoom.webm").unlink()
    smaller["thresholds"] = {"kinds": ["static"]}
    done = run(place, smaller, "REPLACE=yes")
    assert done.returncode == 0, done.stderr
    assert "  frames.size: 64 -> 72\n  to be replaced: the features of 2 of 2 videos" in done.stderr
    assert "no longer in the table: zoom." in done.stderr
    assert "make leftovers RESULTS='out/set 1'" in done.stderr
    assert Results(results).page(video="zoom").is_file()
    verified = make(place, "verify", "RESULTS=out/set 1", "SAMPLE=1")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    named = "dynamic threshold, figures/set/static_vs_dynamic, video zoom"
    assert f"Not of this set, and not checked: {named}" in verified.stdout

    before = times(results)
    listed = make(place, "leftovers", "RESULTS=out/set 1")
    assert listed.returncode == 0 and times(results) == before
    assert "  report/zoom.html" in listed.stdout and "DELETE=yes" in listed.stdout
    deleted = make(place, "leftovers", "RESULTS=out/set 1", "DELETE=yes")
    assert deleted.returncode == 0, deleted.stderr
    gone = {name for name in before if not (results / name).exists()}
    assert "report/zoom.html" in gone and "features/zoom.h5" in gone
    assert all("zoom" in name or "dynamic" in name for name in gone)
    assert not [name for name in files(results) if "zoom" in name]

    # All that stands is as it was.
    verified = make(place, "verify", "RESULTS=out/set 1", "SAMPLE=1")
    assert verified.returncode == 0 and "Not of this set" not in verified.stdout
    again = run(place, smaller)
    assert again.returncode == 0 and "Nothing to be done" in again.stderr, again.stderr

    # The folder moves; the link that is advised keeps all that is made.
    (place / "films").rename(place / "movies")
    refused = run(place, smaller, "VIDEOS=movies")
    assert refused.returncode != 0 and "which is gone" in refused.stderr, refused.stderr
    subprocess.run(
        re.search("moved, (ln .+) keeps them", refused.stderr)[1], shell=True, check=True
    )
    again = run(place, smaller, "VIDEOS=movies")
    assert again.returncode == 0 and "Nothing to be done" in again.stderr, again.stderr
