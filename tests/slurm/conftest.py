"""A cluster for all tests of this folder."""

import os
import shutil

import pytest

from support.cluster import SBIN, Cluster

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "setpriv")


@pytest.fixture(scope="session")
def cluster():
    """Two nodes: cpu1, and gpu1 with four stand-ins for GPUs."""
    missing = [
        name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:{SBIN}")
    ]
    assert not missing, f"{', '.join(missing)} missing: make test-slurm installs them"
    one = Cluster()
    try:
        one.start()
        yield one
    finally:
        one.stop()
