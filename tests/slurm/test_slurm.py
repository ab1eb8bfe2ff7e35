"""The pipeline on a real SLURM: where its jobs run, what they ask for, and what they survive."""

import shlex
from pathlib import Path

import pytest

from support.kills import mishap, mishaps
from support.pipeline import (
    command_line,
    copy_run,
    files,
    snakemake,
    wait_until,
    write_config,
    write_videos,
)
from support.slurm_runs import run, start, wait, write_profile

pytestmark = pytest.mark.slurm

#: Rules that run where Snakemake runs, and need no job.
LOCAL = {"fetch_weights", "plot_set", "render_report"}
ON_GPUS = {"extract_features", "extract_piece"}


def tables(folder: Path) -> dict[str, bytes]:
    """Name -> contents of the tables of results."""
    names = [name for name in files(folder / "results") if name.endswith(".tsv")]
    kept = [name for name in names if not name.startswith("benchmarks/")]
    return {name: (folder / "results" / name).read_bytes() for name in kept}


def of_folder(cluster, folder):
    """Records of the jobs of one run."""
    return [job for job in cluster.jobs() if job["WorkDir"] == str(folder)]


def overlap(one, other):
    return one["start"] < other["end"] and other["start"] < one["end"]


@pytest.fixture(scope="module")
def whole(cluster, videos, project, tmp_path_factory):
    """A folder in which the whole pipeline ran on the cluster."""
    folder = tmp_path_factory.mktemp("whole")
    write_videos(folder, videos)
    write_config(folder, {})
    run(cluster, folder, project, profile=write_profile(folder)).succeeded()
    return folder


def test_tables_are_those_of_a_local_run(whole, finished):
    expected = tables(finished)
    assert len(expected) >= 30 and tables(whole) == expected


def test_a_second_run_has_nothing_to_do(whole, cluster, project):
    again = run(cluster, whole, project, profile=whole / "slurm_profile").succeeded()
    assert "Nothing to be done" in again.text


def test_the_network_ran_on_the_node_with_gpus_and_all_else_on_the_other(whole, cluster):
    jobs = of_folder(cluster, whole)
    assert jobs and {job["JobState"] for job in jobs} == {"COMPLETED"}
    for job in jobs:
        expected = ("gpu1", 1) if job["rule"] == "extract_features" else ("cpu1", 0)
        assert (job["NodeList"], job["gpus"]) == expected, job
    on_gpu = [job["wildcards"] for job in jobs if job["rule"] == "extract_features"]
    assert sorted(on_gpu) == ["cuts", "streams", "zoom"]


def test_small_things_have_no_job_of_their_own(whole, cluster):
    submitted = {job["rule"] for job in of_folder(cluster, whole)}
    assert not submitted & LOCAL
    assert {"probe_video", "dump_frames", "fit_duration_model"} <= submitted
    assert not submitted & {"plot_video", "render_page"}, "each alone"


def test_jobs_of_different_videos_ran_at_the_same_time(whole, cluster):
    jobs = [job for job in of_folder(cluster, whole) if job["rule"] == "dump_frames"]
    assert len(jobs) == 3
    assert any(overlap(a, b) for a in jobs for b in jobs if a is not b)
    jobs = [job for job in of_folder(cluster, whole) if job["rule"] == "extract_features"]
    assert any(overlap(a, b) for a in jobs for b in jobs if a is not b)


def test_jobs_ask_for_what_the_docs_say(whole, cluster):
    """Short videos: two threads for the network and one for the rest, five minutes each.

    A page is written by the job that draws its figures, in ten minutes.
    """
    for job in of_folder(cluster, whole):
        together = "plot_video" in job["rule"] and "render_page" in job["rule"]
        assert job["TimeLimit"] == ("00:10:00" if together else "00:05:00"), job
        assert int(job["NumCPUs"]) == (2 if job["rule"] in ON_GPUS else 1), job
        megabytes = int(job["MinMemoryNode"].removesuffix("M"))
        assert 400 <= megabytes <= (2100 if job["rule"] in ON_GPUS else 800), job


def test_a_film_in_pieces_uses_several_gpus(cluster, finished, project, videos, tmp_path):
    """Pieces on the node with GPUs; what joins them on the other."""
    write_videos(tmp_path, {"cuts": videos["cuts"]})
    write_config(tmp_path, {"features": {"chunk_minutes": 0.02}})
    target = "results/changes/correlation/cuts.tsv"
    profile = write_profile(tmp_path)
    run(cluster, tmp_path, project, target, profile=profile).succeeded()
    assert (tmp_path / target).read_bytes() == (finished / target).read_bytes()
    jobs = of_folder(cluster, tmp_path)
    pieces = [job for job in jobs if job["rule"] == "extract_piece"]
    assert len(pieces) == 4
    assert {(job["NodeList"], job["gpus"]) for job in pieces} == {("gpu1", 1)}
    assert any(overlap(a, b) for a in pieces for b in pieces if a is not b)
    (joining,) = (job for job in jobs if job["rule"] == "extract_features")
    assert (joining["NodeList"], joining["gpus"]) == ("cpu1", 0)


def test_small_stages_of_a_video_as_one_job(cluster, finished, project, unfinished):
    """Grouped, as docs/cluster.md has it; one after the other, so that they need one core."""
    groups = [
        f"{rule}=small" for rule in ("measure_changes", "accumulate_changes", "segment_video")
    ]
    target = "results/segments/correlation.static/cuts.tsv"
    (unfinished / target).unlink()
    profile = write_profile(unfinished.parent)
    words = (target, "--groups", *groups)
    run(cluster, unfinished, project, *words, profile=profile).succeeded()
    assert (unfinished / target).read_bytes() == (finished / target).read_bytes()
    (job,) = (job for job in of_folder(cluster, unfinished) if "small" in job["rule"])
    assert "measure_changes" in job["rule"] and "segment_video" in job["rule"]
    assert (job["NumCPUs"], job["TimeLimit"], job["NodeList"]) == ("1", "00:15:00", "cpu1")


def test_a_whole_run_within_one_job(cluster, finished, project, unfinished):
    """As on one machine, with the cores and GPUs of the job."""
    options = {"project": project, "configs": [Path("config.yaml")]}
    command = command_line(Path("."), TARGET, "--cores", "2", **options)
    script = f"cd {shlex.quote(str(unfinished))} && {shlex.join(command)}"
    asked = ("--wait", "-p", "gpu", "--gpus=1", "-c", "2", "-o", unfinished.parent / "job.log")
    cluster.command("sbatch", *map(str, asked), "--wrap", script)
    assert tables(unfinished) == tables(finished)


# Faults. Two jobs are to be done again, and what follows them.

TARGET = "results/accumulators/summary.tsv"


def without_features(finished, folder: Path) -> Path:
    """A finished run without the features of one video."""
    copy_run(finished, folder)
    for name in ("features/cuts.h5", "changes/correlation/cuts.tsv"):
        (folder / "results" / name).unlink()
    for rule in ("accumulators/correlation.static", "accumulators/correlation.dynamic"):
        (folder / f"results/{rule}/cuts.tsv").unlink()
    (folder / TARGET).unlink()
    return folder


@pytest.fixture
def unfinished(finished, tmp_path):
    return without_features(finished, tmp_path / "unfinished")


def assert_finished(ended, cluster, folder, finished, rule, states, jobs=1):
    """A retry ended well; the tables are the same; SLURM knows how the first try ended.

    `jobs` : how many the rule has; one of them was tried twice.
    """
    ended.succeeded()
    assert tables(folder) == tables(finished)
    tried = [job["JobState"] for job in of_folder(cluster, folder) if job["rule"] == rule]
    (failed,) = (state for state in tried if state != "COMPLETED")
    assert len(tried) == jobs + 1 and failed in states and tried[-1] == "COMPLETED", tried
    assert not [name for name in files(folder) if name.endswith(".part")]


@pytest.fixture(scope="module")
def faulty(cluster, finished, project, tmp_path_factory):
    """A run in which three jobs fail, one after the other, each in a way of its own."""
    folder = without_features(finished, tmp_path_factory.mktemp("faulty") / "unfinished")
    mark = folder.parent / "mark"
    # A minute is the least that SLURM knows.
    profile = write_profile(folder.parent, accumulate_changes={"runtime": 1})
    environment = mishaps(
        ("extract_features", "closing", "sleep", mark),
        ("measure_changes", "closing", "eat", folder.parent / "eaten"),
        ("accumulate_changes", "closing", "sleep", folder.parent / "asleep"),
    )
    process = start(cluster, folder, project, TARGET, profile=profile, **environment)
    wait_until(mark.exists)
    (job,) = (job for job in of_folder(cluster, folder) if job["rule"] == "extract_features")
    cluster.command("scancel", job["JobId"])
    return folder, wait(process)


def test_a_cancelled_job(faulty, cluster, finished):
    folder, ended = faulty
    assert_finished(ended, cluster, folder, finished, "extract_features", {"CANCELLED"})


def test_a_job_out_of_memory(faulty, cluster, finished):
    folder, ended = faulty
    states = {"FAILED", "OUT_OF_MEMORY"}
    assert_finished(ended, cluster, folder, finished, "measure_changes", states)


def test_a_job_out_of_time(faulty, cluster, finished):
    """A job for each threshold."""
    folder, ended = faulty
    assert_finished(ended, cluster, folder, finished, "accumulate_changes", {"TIMEOUT"}, jobs=2)


def test_a_node_that_dies_and_comes_back(cluster, finished, unfinished, project):
    process = start(
        cluster, unfinished, project, TARGET, profile=write_profile(unfinished.parent),
        **mishap("extract_features", "closing", "sleep", unfinished.parent / "mark"),
    )  # fmt: skip
    wait_until((unfinished.parent / "mark").exists)
    cluster.kill_node("gpu1")
    cluster.wait_for_job("extract_features", "NODE_FAIL")
    cluster.start_node("gpu1")
    ended = wait(process)
    assert_finished(ended, cluster, unfinished, finished, "extract_features", {"NODE_FAIL"})


def test_a_killed_snakemake_on_the_login_node(cluster, finished, unfinished, project):
    """Its jobs go on; once they have ended, --unlock and the same command finish the run."""
    process = start(cluster, unfinished, project, TARGET, profile=write_profile(unfinished.parent))
    cluster.wait_for_job("dump_frames")
    process.kill()
    wait(process)
    states = lambda: {job["JobState"] for job in of_folder(cluster, unfinished)}  # noqa: E731
    wait_until(lambda: not states() & {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING"})
    assert states() == {"COMPLETED"}
    snakemake(unfinished, unfinished / "config.yaml", "--unlock", project=project).succeeded()
    profile = unfinished.parent / "slurm_profile"
    run(cluster, unfinished, project, TARGET, profile=profile).succeeded()
    assert tables(unfinished) == tables(finished)
