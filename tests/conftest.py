"""Videos and finished runs that the tests of the workflow, here and on SLURM, share."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from support.clips import ffmpeg, make_clip
from support.pipeline import copy_project, copy_run, snakemake, write_config, write_videos


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that all worker processes of pytest-xdist share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(folder: Path, name: str, make) -> Path:
    """`folder/name`, made by `make(path)` in the first process that asks for it."""
    target, done = folder / name, folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            make(target)
            done.touch()
    return target


def make_videos(folder: Path) -> None:
    """Four videos of 12 frames/s; the names say what is special in them."""
    colours = "color={}:s=96x72:r=12:d=0.75,noise=alls=20:allf=t"
    parts = ["testsrc2=s=96x72:r=12:d=1.5", colours.format("red"), colours.format("blue")]
    parts.append("smptebars=s=96x72:r=12:d=1")
    joined = ";".join(f"{part}[p{n}]" for n, part in enumerate(parts))
    make_clip(folder / "cuts.mp4", f"{joined};[p0][p1][p2][p3]concat=n=4")
    gaps = "mandelbrot=s=96x72:r=12,trim=duration=4,select='not(between(n,20,22)+eq(n,33))'"
    make_clip(folder / "gaps.mkv", gaps, "-c:v", "libx264", "-fps_mode", "passthrough")
    make_clip(folder / "zoom.webm", "mandelbrot=s=72x96:r=12", "-t", "4", "-c:v", "libvpx")
    small, large = "testsrc=s=64x48:r=12:d=3", "testsrc2=s=128x96:r=12:d=3.5,hue=h=90*t"
    inputs = [
        "-f",
        "lavfi",
        "-i",
        "sine=d=3",
        "-f",
        "lavfi",
        "-i",
        small,
        "-f",
        "lavfi",
        "-i",
        large,
    ]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-disposition:v", "0"]
    ffmpeg(*inputs, *maps, "-c:v", "libx264", "-c:a", "aac", folder / "streams.mkv")


@pytest.fixture(scope="session")
def all_videos(shared):
    """Id -> file of all videos."""
    folder = once(shared, "videos", make_videos)
    return {path.stem: path for path in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def videos(all_videos):
    """Id -> file of three videos of a steady rate, to which a model can be fitted."""
    return {video: path for video, path in all_videos.items() if video != "gaps"}


@pytest.fixture(scope="session")
def gaps(all_videos):
    """A video in which frames are missing."""
    return all_videos["gaps"]


@pytest.fixture(scope="session")
def project(shared):
    """A copy of the project, so that edits during the tests make no result stale."""
    return once(shared, "project", copy_project)


@pytest.fixture(scope="session")
def finished(shared, project, videos):
    """A working folder with a finished run of the three videos, not to be changed."""

    def make(folder: Path) -> None:
        write_videos(folder, videos)
        done = snakemake(folder, write_config(folder, {}), project=project).succeeded()
        (folder / "run.log").write_text(done.text)

    return once(shared, "finished", make)


@pytest.fixture
def rerun(finished, tmp_path):
    """A copy of the finished run, to be changed."""
    return copy_run(finished, tmp_path / "rerun")


@pytest.fixture(scope="module")
def begun(videos, tmp_path_factory):
    """A working folder in which no run has come to its end yet, for all tests of a file."""
    folder = tmp_path_factory.mktemp("begun") / "run"
    folder.mkdir()
    write_videos(folder, videos)
    write_config(folder, {})
    return folder
