"""`kill -9` of a job in each stage, at its start, while it writes, and just before its end."""

import pytest

from support.kills import KILLS, assert_all_whole, assert_finished_like, killed_run
from support.pipeline import files


@pytest.mark.parametrize(("rule", "point"), KILLS)
def test_a_killed_job_leaves_nothing_half_made(rule, point, begun, finished, project):
    """Each run goes on where the one before was killed, so that the stages come one by one."""
    run = killed_run(begun, project, rule, point, "job")
    assert run.code != 0 and f"Error in rule {rule}" in run.text
    assert_all_whole(begun, finished)


def test_the_same_command_finishes_what_was_killed(begun, finished, project):
    assert_finished_like(begun, finished, project)
    assert not [name for name in files(begun) if name.endswith(".part")]
