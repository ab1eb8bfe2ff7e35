"""`kill -9` of a job: each rule's once, while it writes, and one rule's at every point.

That no rule writes in another way is tests/contract/test_file_writes.py's affair.
"""

import shutil
from pathlib import Path

import pytest

from chronovision.core.results import Results
from chronovision.core.tables import read_table
from support.kills import (
    POINTS,
    assert_all_whole,
    assert_finished_like,
    is_part,
    killed_run,
    mishap,
)
from support.pipeline import Run, files, merged, snakemake, write_config, write_videos
from support.reruns import AFTER, OPTIONAL

#: What makes the rules run that the other runs do without; the model is used in a second step. Its
#: thresholds are fixed, as those of another set's range could not be used.
WIDE = {
    "frames": {"images": "png"},
    "features": {"chunk_minutes": 0.04},
    "thresholds": {"scope": "set", "dynamic": {"tmax": 0.5, "tmin": 0.1}},
}
APPLY = merged(WIDE, {"duration": {"apply": "model.skops"}})


def killed_each(folder: Path, project: Path) -> Run:
    """A run in which the first job of each rule is killed, and tried again."""
    environment = mishap("each", "writing", "job", folder.parent / "killed")
    words, options = ("--retries", "1"), {"project": project, "environment": environment}
    # One job at a time, so that the copy of the results is of one moment.
    return snakemake(folder, folder / "config.yaml", *words, cores=1, **options)


def assert_killed_and_whole(rule: str, folder: Path, run: Run, finished: Path) -> None:
    assert f"Error in rule {rule}" in run.text
    then = folder.parent / f"killed.{rule}.at"
    assert [name for name in files(then) if is_part(name)]
    assert_all_whole(then, finished)


def assert_tried_again(folder: Path, run: Run, finished: Path, project: Path) -> None:
    run.succeeded()
    assert_finished_like(folder, finished, project)
    assert not [name for name in files(folder) if is_part(name)]


@pytest.fixture(scope="module")
def killed(videos, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    write_config(folder, {})
    return folder, killed_each(folder, project)


@pytest.mark.parametrize("rule", AFTER)
def test_a_killed_job_leaves_nothing_half_made(rule, killed, finished):
    assert_killed_and_whole(rule, *killed, finished)


def test_jobs_that_are_tried_again_give_the_same(killed, finished, project):
    assert_tried_again(*killed, finished, project)


@pytest.fixture(scope="module")
def wide(videos, project, tmp_path_factory):
    """An undisturbed run of all rules, the last with the model that the others have fitted."""
    folder = tmp_path_factory.mktemp("wide") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    snakemake(folder, write_config(folder, WIDE), project=project).succeeded()
    model = Results(folder / "results").model(variant="correlation.dynamic")
    shutil.copy2(model, folder / "model.skops")
    snakemake(folder, write_config(folder, APPLY), project=project).succeeded()
    assert len(read_table(Results(folder / "results").applied_predictions()))
    return folder


@pytest.fixture(scope="module")
def killed_wide(wide, project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed_wide") / "run"
    folder.mkdir()
    for name in ("videos.tsv", "config.yaml", "model.skops"):
        shutil.copy2(wide / name, folder)
    return folder, killed_each(folder, project)


@pytest.mark.slow
@pytest.mark.parametrize("rule", sorted(OPTIONAL))
def test_a_killed_job_of_a_rule_that_must_be_asked_for(rule, killed_wide, wide):
    assert_killed_and_whole(rule, *killed_wide, wide)


@pytest.mark.slow
def test_all_rules_tried_again_give_the_same(killed_wide, wide, project):
    assert_tried_again(*killed_wide, wide, project)


RULE = "describe_frames"  # HDF5, a table and its sidecar


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_job_that_is_killed_at_any_point(point, begun, finished, project):
    """Each run goes on where the one before was killed."""
    run = killed_run(begun, project, RULE, point, "job")
    assert run.code != 0 and f"Error in rule {RULE}" in run.text
    assert_all_whole(begun, finished)


@pytest.mark.slow
def test_the_same_command_finishes_what_was_killed(begun, finished, project):
    assert_finished_like(begun, finished, project)
    assert not [name for name in files(begun) if is_part(name)]
