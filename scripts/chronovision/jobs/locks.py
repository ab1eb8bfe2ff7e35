"""Locks that a process holds while it lives: on a GPU, or on a results folder.

Snakemake counts GPUs but does not say which one a job gets, and PyTorch takes the first one unless
told otherwise. Snakemake's own lock is on the working directory, yet two working directories may
name one results folder. All locks are locks on files. The kernel drops them when the process dies,
however it dies.
"""

import errno
import fcntl
import hashlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from chronovision.errors import UserError

log = logging.getLogger(__name__)

#: Files that stay open, and locked, until this process ends.
_HELD: list[IO] = []


@contextmanager
def acquire_gpu(folder: str | os.PathLike, names: Sequence[str]) -> Iterator[int]:
    """Take one of this machine's GPUs and hold it until the block, or the process, ends.

    The lock files stay: removing them would race with processes that wait to lock them.

    Parameters
    ----------
    folder : path-like
        Folder of the lock files; all jobs that share the machine's GPUs name the same one.
    names : sequence of str
        Names of the GPUs that are the same for every job (UUIDs). A cluster may show different GPUs
        to two jobs under one number, and containers may see several hosts' GPUs.

    Yields
    ------
    int
        Index of the GPU in `names`.

    Raises
    ------
    UserError
        All GPUs are taken, or there are several and files cannot be locked there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        with _lock_file(folder, name).open("a") as file:
            if _lock_gpu(file, folder, is_only=len(names) == 1):
                log.info("GPU %d of %d (%s)", index, len(names), name)
                yield index
                return
    raise UserError(
        f"all {len(names)} GPU(s) of {socket.gethostname()} are taken by other jobs: allow as many "
        f"jobs as there are GPUs, with --resources gpu={len(names)} or in the profile"
    )


def lock_results(folder: str | os.PathLike) -> None:
    """Lock a results folder until this process ends.

    Parameters
    ----------
    folder : path-like
        Folder of the lock file, within the results folder. On a drive without locks nothing is
        locked.

    Raises
    ------
    UserError
        Another process holds it, or it cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "run.lock").open("a+")
    except OSError as error:
        raise UserError(
            f"{folder.parent.absolute()}: results cannot be written ({error.strerror}): make room "
            "there, or set pathvars.results to another folder"
        ) from error
    try:
        locked = _try_lock(file)
    except OSError:
        return
    if not locked:
        file.seek(0)
        raise UserError(
            f"{folder.parent.absolute()}: another run ({file.read().strip()}) is working on these "
            "results: wait until it has ended, or set pathvars.results to another folder"
        )
    _HELD.append(file)
    with suppress(OSError):  # Who holds it is of use, but not needed: the disk may be full.
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()


def _try_lock(file: IO) -> bool:
    """Tell whether the file could be locked.

    POSIX locks are used, which most network drives support. Raises OSError where there are none.
    """
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _lock_gpu(file: IO, folder: Path, *, is_only: bool) -> bool:
    """Tell whether the GPU's file could be locked.

    On a drive without locks a single GPU counts as locked. Whoever showed the job only that one, a
    cluster for instance, has already shared the GPUs out.
    """
    try:
        return _try_lock(file)
    except OSError as error:
        if is_only:
            log.warning("files in %s cannot be locked: the only GPU is not locked", folder)
            return True
        raise UserError(
            f"files in {folder} cannot be locked ({error.strerror}), so that jobs cannot share out "
            "GPUs: set pathvars.results to a folder on a drive that knows locks"
        ) from error


def _lock_file(folder: Path, name: str) -> Path:
    """Return the lock file of a GPU, whatever characters its name has."""
    return folder / f"gpu.{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
