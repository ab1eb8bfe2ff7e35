"""Stages run as the workflow's jobs are, each in a process of its own that is watched."""

import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from unittest.mock import patch

import chronovision
from chronovision.jobs.log import logged_job
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video

STAGES = {"probe_video": probe_video, "dump_frames": dump_frames}

#: Seconds after which a job hangs; it takes one or two.
HANGS_S = 120
#: Address space of each program, so that one that goes astray ends itself, not the machine.
#: What they use of it is measured: threads reserve much more than they touch.
ADDRESSES = 8 * 2**30


@dataclass
class Job:
    """How a job ended: exit status, log, standard error, memory (MB) with its programs'."""

    code: int
    log: str
    stderr: str
    peak_mb: float

    @property
    def errors(self) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith("error:")]


@cache
def _processes() -> BaseContext:
    """Where processes come from: a server that has imported the libraries forks them.

    Importing anew takes longer than the job. The server finds modules where this process does.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chronovision.videos.frames", "chronovision.jobs.log"])
    with patch.dict(os.environ, PYTHONPATH=str(Path(chronovision.__file__).parents[1])):
        forkserver.ensure_running()
    return context


def run_job(stage: str, logs: Path, name: str, *words, **options) -> Job:
    """Run a stage of `STAGES`; AssertionError if it hangs."""
    paths = [logs / f"{name}.{kind}" for kind in ("log", "stderr", "peak")]
    process = _processes().Process(target=_work, args=(stage, paths, words, options))
    process.start()
    process.join(HANGS_S)
    if hung := process.is_alive():
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    log, stderr, peak = (path.read_text() if path.exists() else "" for path in paths)
    assert not hung, f"{name} hangs:\n{log}{stderr}"
    return Job(process.exitcode, log, stderr, float(peak or "inf"))


def _work(stage: str, paths: list[Path], words: tuple, options: dict) -> None:
    os.setsid()  # a group with the programs that it starts
    log, stderr, peak = paths
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most in (resource.RLIM_INFINITY, max(most, ADDRESSES)):
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, most))
    try:
        with logged_job(str(log)):
            STAGES[stage](*words, **options)
    finally:
        peak.write_text(str(_peak_mb()))


def _peak_mb() -> float:
    """Most memory of this process and, beside it, of the largest program that it ran."""
    unit = 1 if sys.platform == "darwin" else 1024
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_maxrss for who in both) * unit / 1e6
