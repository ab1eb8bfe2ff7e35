"""A cluster for all tests of this folder, and the videos and finished runs of tests/workflow."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))  # pipeline.py, kills.py

from cluster import SBIN, Cluster

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "setpriv")

WORKFLOW = Path(__file__).parents[1] / "workflow"
_spec = importlib.util.spec_from_file_location("workflow_fixtures", WORKFLOW / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
shared, all_videos, videos = _fixtures.shared, _fixtures.all_videos, _fixtures.videos
project, finished = _fixtures.project, _fixtures.finished


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
