"""`kill -9` of Snakemake in each stage; the job that it leaves behind goes on."""

import pytest
from kills import KILLS, assert_all_whole, assert_finished_like, killed_run, wait_for_orphans
from pipeline import snakemake, write_config, write_videos


@pytest.fixture(scope="module")
def folder(videos, tmp_path_factory):
    """A working folder in which no run has come to its end yet."""
    folder = tmp_path_factory.mktemp("killed") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    write_config(folder, {})
    return folder


@pytest.mark.parametrize(("rule", "point"), KILLS)
def test_a_killed_run_leaves_nothing_half_made(rule, point, folder, finished, project):
    """Every other time the next run begins while the job of the last one is still at work."""
    run = killed_run(folder, project, rule, point, "snakemake")
    assert run.code == -9
    if point in ("writing", "end"):
        wait_for_orphans(folder)
        assert_all_whole(folder, finished)
    unlocked = snakemake(folder, folder / "config.yaml", "--unlock", project=project)
    unlocked.succeeded()


def test_the_same_command_finishes_what_was_killed(folder, finished, project):
    wait_for_orphans(folder)
    assert_finished_like(folder, finished, project)
