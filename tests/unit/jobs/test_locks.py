"""Leases of made-up devices by processes that run side by side."""

import contextlib
import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys

import pytest
import torch

from chronovision.errors import UserError
from chronovision.features.extraction import _own_gpu
from chronovision.jobs.locks import acquire_gpu

HOLD = """
import sys
from chronovision.jobs.locks import acquire_gpu
with acquire_gpu(sys.argv[1], sys.argv[2:]) as index:
    print(index, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that holds a GPU until told to end; its index is `.index`."""
    started = []

    def start(*names):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "locks"), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        process.index = int(process.stdout.readline())
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def taken(folder, *names):
    """Index that this process would get now."""
    with acquire_gpu(folder / "locks", names) as index:
        return index


def test_jobs_side_by_side_get_devices_of_their_own(hold, tmp_path):
    names = ["GPU-a", "GPU-b", "GPU-c"]
    assert [hold(*names).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError, match=r"all 3 GPU.*--resources gpu=3"):
        taken(tmp_path, *names)


def test_a_device_goes_by_its_name(hold, tmp_path):
    """Jobs that a cluster shows one GPU each see it under the same number."""
    assert hold("GPU-a").index == 0
    assert hold("GPU-b").index == 0
    assert taken(tmp_path, "GPU-b", "GPU-a", "GPU-c") == 2


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_ends_with_its_process(hold, tmp_path, sign):
    first, second = hold("x", "y"), hold("x", "y")
    os.kill(first.pid, sign)
    first.wait()
    assert taken(tmp_path, "x", "y") == 0
    second.communicate("")
    assert second.returncode == 0
    assert taken(tmp_path, "y") == 0


def test_a_lock_ends_with_an_exception(tmp_path):
    with pytest.raises(ZeroDivisionError), acquire_gpu(tmp_path / "locks", ["x"]):
        raise ZeroDivisionError
    assert taken(tmp_path, "x") == 0


def test_names_may_hold_any_character(tmp_path):
    assert taken(tmp_path, "GPU/0 ../é\n") == 0
    assert len(list((tmp_path / "locks").iterdir())) == 1


def test_a_drive_without_locks_is_named(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with (
        pytest.raises(
            UserError, match=r"cannot be locked \(No locks available\).*pathvars.results"
        ),
        acquire_gpu(tmp_path, ["a", "b"]),
    ):
        pass
    # Whoever showed the job one device alone has shared them out.
    caplog.set_level(logging.WARNING)
    with acquire_gpu(tmp_path, ["a"]) as index:
        assert index == 0
    assert "not locked" in caplog.text


def test_a_job_uses_the_gpu_that_it_acquired(tmp_path, monkeypatch):
    """Also as PyTorch's current one, which otherwise is the first."""
    current = []

    @contextlib.contextmanager
    def device(index):
        current.append(index)
        yield

    class Properties:
        def __init__(self, index):
            self.uuid = f"GPU-{index}"

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.setattr(torch.cuda, "device", device)
    with acquire_gpu(tmp_path, ["GPU-0"]):
        # POSIX locks are a process's: another job is another process.
        child = os.fork()
        if child == 0:
            with _own_gpu("cuda", tmp_path) as place:
                os._exit(0 if (place, current) == ("cuda:1", [1]) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with _own_gpu("cpu", tmp_path) as place:
        assert place == "cpu"
