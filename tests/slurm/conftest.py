"""A cluster for all tests of this folder, and the videos and finished runs of tests/workflow."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))  # pipeline.py, kills.py

from cluster import Cluster

WORKFLOW = Path(__file__).parents[1] / "workflow"
_spec = importlib.util.spec_from_file_location("workflow_fixtures", WORKFLOW / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
shared, all_videos, videos = _fixtures.shared, _fixtures.all_videos, _fixtures.videos
project, finished = _fixtures.project, _fixtures.finished


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Two nodes: cpu1, and gpu1 with four stand-ins for GPUs."""
    installed = subprocess.run(
        [Path(__file__).parent / "install.sh"], capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    one = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        one.start()
        yield one
    finally:
        one.stop()
