"""`kill -9` of Snakemake in each stage; the job that it leaves behind goes on."""

import pytest

from support.kills import (
    KILLS,
    assert_all_whole,
    assert_finished_like,
    killed_run,
    wait_for_orphans,
)
from support.pipeline import snakemake


@pytest.mark.parametrize(("rule", "point"), KILLS)
def test_a_killed_run_leaves_nothing_half_made(rule, point, begun, finished, project):
    """Every other time the next run begins while the job of the last one is still at work."""
    run = killed_run(begun, project, rule, point, "snakemake")
    assert run.code == -9
    if point in ("writing", "end"):
        wait_for_orphans(begun)
        assert_all_whole(begun, finished)
    unlocked = snakemake(begun, begun / "config.yaml", "--unlock", project=project)
    unlocked.succeeded()


def test_the_same_command_finishes_what_was_killed(begun, finished, project):
    wait_for_orphans(begun)
    assert_finished_like(begun, finished, project)
