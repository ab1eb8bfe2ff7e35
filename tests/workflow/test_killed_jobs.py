"""`kill -9` of a job in each stage, at its start, while it writes, and just before its end."""

import pytest
from kills import KILLS, assert_all_whole, assert_finished_like, killed_run
from pipeline import files, write_config, write_videos


@pytest.fixture(scope="module")
def folder(videos, tmp_path_factory):
    """A working folder in which no run has come to its end yet."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    write_config(folder, {})
    return folder


@pytest.mark.parametrize(("rule", "point"), KILLS)
def test_a_killed_job_leaves_nothing_half_made(rule, point, folder, finished, project):
    """Each run goes on where the one before was killed, so that the stages come one by one."""
    run = killed_run(folder, project, rule, point, "job")
    assert run.code != 0 and f"Error in rule {rule}" in run.text
    assert_all_whole(folder, finished)


def test_the_same_command_finishes_what_was_killed(folder, finished, project):
    assert_finished_like(folder, finished, project)
    assert not [name for name in files(folder) if name.endswith(".part")]
