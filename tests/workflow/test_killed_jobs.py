"""`kill -9` of a job: each rule's once, while it writes, and one rule's at every point.

That no rule writes in another way is tests/contract/test_file_writes.py's affair.
"""

import pytest

from support.kills import POINTS, assert_all_whole, assert_finished_like, killed_run, mishap
from support.pipeline import files, snakemake, write_config, write_videos
from support.reruns import AFTER


@pytest.fixture(scope="module")
def killed(videos, project, tmp_path_factory):
    """A run in which the first job of each rule was killed, and tried again."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    environment = mishap("each", "writing", "job", folder.parent / "killed")
    words, options = ("--retries", "1"), {"project": project, "environment": environment}
    # One job at a time, so that the copy of the results is of one moment.
    return folder, snakemake(folder, write_config(folder, {}), *words, cores=1, **options)


@pytest.mark.parametrize("rule", AFTER)
def test_a_killed_job_leaves_nothing_half_made(rule, killed, finished):
    folder, run = killed
    assert f"Error in rule {rule}" in run.text
    then = folder.parent / f"killed.{rule}.at"
    assert [name for name in files(then) if name.endswith(".part")]
    assert_all_whole(then, finished)


def test_jobs_that_are_tried_again_give_the_same(killed, finished, project):
    folder, run = killed
    run.succeeded()
    assert_finished_like(folder, finished, project)
    assert not [name for name in files(folder) if name.endswith(".part")]


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
    assert not [name for name in files(begun) if name.endswith(".part")]
