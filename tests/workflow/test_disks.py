"""Disks that are full or cannot be written, files that cannot be read, runs that meet."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.kills import assert_all_whole, mishap
from support.pipeline import (
    assert_nothing_made,
    assert_one_line,
    command_line,
    copy_run,
    files,
    snakemake,
    wait_until,
    write_config,
    write_videos,
)
from support.tiers import slow_after

#: Linux's own limit for what stays in a file system of a size that is set anew.
ROOM = "200m"


def mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)


@pytest.fixture
def small_disk(rerun):
    """The finished run, with its results on a disk of their own that can be made full."""
    results, kept = rerun / "results", rerun / "kept"
    results.rename(kept)
    results.mkdir()
    made = mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", results)
    if made.returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        shutil.copytree(kept, results, dirs_exist_ok=True)
        shutil.rmtree(kept)
        yield rerun
    finally:
        subprocess.run(["umount", "--lazy", results], check=True)


def leave(folder: Path, n_bytes: int) -> Path:
    """Fill the disk but for so many bytes."""
    about = os.statvfs(folder)
    filler = folder / "filler"
    with filler.open("wb") as file:
        file.write(bytes(about.f_bavail * about.f_frsize - n_bytes))
    return filler


#: Stage -> (a file that it makes, all of them, bytes that are left: fewer than it needs).
STAGES = {
    "measure_changes": ("changes/correlation/cuts.tsv", ["changes/correlation/cuts.*"], 4096),
    "dump_frames": ("frames/cuts.h5", [], 200_000),
    "extract_features": ("features/cuts.h5", ["features/cuts.h5"], 60_000),
    "build_clip_table": (
        "clips/correlation.dynamic.tsv",
        ["clips/correlation.dynamic.*", "clips/controls/correlation.dynamic.*"],
        8192,
    ),
    "plot_video": ("figures/cuts/heatmaps.png", ["figures/cuts/*"], 40_000),
    "render_report": ("report/index.html", ["report/[imr]*", "provenance.json"], 100_000),
}


@pytest.mark.parametrize("rule", slow_after(1, STAGES))
def test_a_full_disk(rule, small_disk, finished, project):
    """One line names the file and what it needs; once there is room the same command goes on."""
    name, made, left = STAGES[rule]
    target, results = f"results/{name}", small_disk / "results"
    config = small_disk / "config.yaml"
    if rule == "extract_features":
        frames = "results/frames/cuts.h5"
        snakemake(small_disk, config, frames, "--notemp", project=project).succeeded()
    logs = [f"{kind}/{rule}{rest}" for kind in ("logs", "benchmarks") for rest in (".*", "/*")]
    for path in (path for pattern in (*made, *logs) for path in results.glob(pattern)):
        path.unlink()
    filler = leave(results, left)
    run = snakemake(small_disk, config, target, "--notemp", project=project)
    (log,) = [*(results / "logs").glob(f"{rule}.log"), *(results / f"logs/{rule}").glob("*.log")]
    assert_one_line(run, log, r"results/.*no space left on the disk.*needs .* MB.*make room")
    assert_nothing_made(small_disk, target)
    filler.unlink()
    snakemake(small_disk, config, target, "--notemp", project=project).succeeded()
    assert_all_whole(small_disk, finished)


@pytest.mark.slow
def test_results_that_cannot_be_written(small_disk, project):
    target = "results/changes/correlation/cuts.tsv"
    (small_disk / target).unlink()
    mount("-o", "remount,ro", small_disk / "results")
    run = snakemake(small_disk, small_disk / "config.yaml", target, project=project)
    assert run.code != 0 and "Write-protected output files" in run.text  # Snakemake's words
    assert "Traceback" not in run.text
    config = write_config(small_disk, {"pathvars": {"results": "results/new"}}, "new.yaml")
    new = snakemake(small_disk, config, "results/new/videos/cuts.json", project=project)
    assert new.code != 0 and "results cannot be written (Read-only file system)" in new.text
    assert "Traceback" not in new.text
    mount("-o", "remount,rw", small_disk / "results")
    snakemake(small_disk, small_disk / "config.yaml", target, project=project).succeeded()


@pytest.mark.slow
def test_no_temporary_space(finished, project, videos, tmp_path):
    """Nothing that a job writes aside is needed."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    if (made := mount("-t", "tmpfs", "-o", "size=4k", "tmpfs", scratch)).returncode:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    try:
        leave(scratch, 0)
        folder = tmp_path / "run"
        folder.mkdir()
        write_videos(folder, {"cuts": videos["cuts"]})
        config = write_config(folder, {})
        target = "results/report/cuts.html"
        run = snakemake(
            folder, config, target, project=project, environment={"TMPDIR": str(scratch)}
        )
        run.succeeded()
    finally:
        subprocess.run(["umount", "--lazy", scratch], check=True)
    for table in ("changes/correlation/cuts.tsv", "accumulators/correlation.dynamic/cuts.tsv"):
        ours = (folder / "results" / table).read_bytes()
        assert ours == (finished / "results" / table).read_bytes()


def test_a_video_that_must_not_be_read(videos, project, tmp_path):
    """Root may read everything, unless it gives that up."""
    secret = tmp_path / "secret.mp4"
    shutil.copy(videos["cuts"], secret)
    secret.chmod(0)
    write_videos(tmp_path, {"secret": secret})
    config = write_config(tmp_path, {})
    words = ("results/videos/secret.json", "--cores", "1")
    command = command_line(tmp_path, *words, project=project, configs=[config])
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0 and "Traceback" not in run.stderr
    log = (tmp_path / "results/logs/probe_video/secret.log").read_text()
    assert "secret.mp4" in log and "Permission denied" in log and log.count("error:") == 1


# Two runs


def held_run(folder, project):
    """A run that has begun, and stays at its first job."""
    mark = folder.parent / "held"
    environment = mishap("probe_video", "start", "sleep", mark)
    process = subprocess.Popen(
        command_line(folder, "--cores", "1", project=project, configs=[folder / "config.yaml"]),
        env={**os.environ, **environment}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: mark.exists() or process.poll() is not None)
    assert process.poll() is None
    return process


def test_two_runs_in_one_place(videos, project, tmp_path):
    """In the same working directory, and in another one with the same results folder."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_videos(folder, {"cuts": videos["cuts"]})
    config = write_config(first, {})
    write_config(second, {"pathvars": {"results": str(first / "results")}})
    process = held_run(first, project)
    try:
        same = snakemake(first, config, project=project)
        assert same.code != 0 and "cannot be locked" in same.text
        other = snakemake(second, second / "config.yaml", project=project)
        said = rf"{first}/results: another run (process {process.pid} on"
        assert other.code != 0 and said in other.text and "Traceback" not in other.text
        assert not [name for name in files(first / "results") if name.startswith("videos")]
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    target = f"{first}/results/videos/cuts.json"
    snakemake(second, second / "config.yaml", target, project=project).succeeded()


# What moves, and what is replaced


@pytest.mark.slow
def test_a_folder_that_moves_with_its_videos(videos, project, tmp_path):
    """Also to a place in which the old one is not to be seen."""
    here, there = tmp_path / "here", tmp_path / "other place/there"
    (here / "films").mkdir(parents=True)
    shutil.copy(videos["cuts"], here / "films")
    write_videos(here, {"cuts": Path("films") / videos["cuts"].name})
    write_config(here, {})
    target = "results/accumulators/summary.tsv"
    snakemake(here, here / "config.yaml", target, project=project).succeeded()
    there.parent.mkdir()
    copy_run(here, there)
    shutil.rmtree(here)
    again = snakemake(there, there / "config.yaml", target, project=project).succeeded()
    assert "Nothing to be done" in again.text
    (there / "results").rename(there / "kept")
    config = write_config(there, {"pathvars": {"results": "kept"}})
    target = "kept/accumulators/summary.tsv"
    assert "Nothing to be done" in snakemake(there, config, target, project=project).text


@pytest.mark.slow
def test_a_video_in_the_place_of_another(videos, project, tmp_path):
    """Of the same size, and older than what was made of the first one."""
    films = {video: tmp_path / f"{video}.mp4" for video in ("same", "other")}
    for path in films.values():
        shutil.copy(videos["cuts"], path)
    write_videos(tmp_path, films)
    config = write_config(tmp_path, {"thresholds": {"kinds": ["static"]}})
    target = "results/accumulators/summary.tsv"
    first = snakemake(tmp_path, config, target, project=project).succeeded()
    assert first.jobs["extract_features"] == 2
    before = (tmp_path / "results/changes/correlation/other.tsv").read_bytes()
    size = videos["cuts"].stat().st_size
    shutil.copy(videos["zoom"], films["other"])
    with films["other"].open("ab") as file:
        file.write(bytes(max(size - videos["zoom"].stat().st_size, 0)))
    os.utime(films["other"], (0, 0))
    second = snakemake(tmp_path, config, target, project=project).succeeded()
    assert second.jobs.pop("summarise_counts") == second.jobs["probe_video"] == 1
    assert all("other" in line for line in second.messages if line.split(":")[0] in films)
    assert (tmp_path / "results/changes/correlation/other.tsv").read_bytes() != before
    assert "Nothing to be done" in snakemake(tmp_path, config, target, project=project).text
