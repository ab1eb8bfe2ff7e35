"""`kill -9` of Snakemake; the job that it leaves behind goes on."""

import os
import subprocess

import pytest

from support.kills import (
    POINTS,
    assert_all_whole,
    assert_finished_like,
    killed_run,
    mishap,
    wait_for_orphans,
)
from support.pipeline import command_line, files, snakemake, wait_until


def test_the_next_run_beside_a_job_that_was_left_behind(rerun, finished, project):
    """The job is held while it writes, until the next run has made the same file."""
    target = "results/changes/correlation/cuts.tsv"
    (rerun / target).unlink()
    config, mark = rerun / "config.yaml", rerun.parent / "mark"
    options = {"project": project, "configs": [config]}
    left = subprocess.Popen(
        command_line(rerun, target, "--cores", "1", **options),
        env={**os.environ, **mishap("measure_changes", "writing", "hold", mark)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: mark.exists() or left.poll() is not None)
    assert left.poll() is None
    left.kill()
    left.wait()
    snakemake(rerun, config, "--unlock", project=project).succeeded()
    run = snakemake(rerun, config, target, project=project).succeeded()
    assert run.jobs["measure_changes"] == 1
    assert_all_whole(rerun, finished)
    mark.with_name("mark.released").touch()
    wait_for_orphans(rerun)
    assert_finished_like(rerun, finished, project)
    assert not [name for name in files(rerun) if name.endswith(".part")]


RULE = "describe_frames"  # HDF5, a table and its sidecar


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_at_any_point(point, begun, finished, project):
    """Outputs that came after Snakemake's death are made again: it has no record of their end."""
    run = killed_run(begun, project, RULE, point, "snakemake")
    assert run.code == -9
    wait_for_orphans(begun)
    assert_all_whole(begun, finished)
    snakemake(begun, begun / "config.yaml", "--unlock", project=project).succeeded()


@pytest.mark.slow
def test_the_same_command_finishes_what_was_killed(begun, finished, project):
    assert_finished_like(begun, finished, project)
