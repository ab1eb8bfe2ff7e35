"""Results that tests of the verification share."""

import shutil
from pathlib import Path

import pytest

from support.verified import (
    FRAMES,
    NETWORK,
    make_results,
)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made") / "run"
    make_results(root, NETWORK, FRAMES, "set")
    return root


@pytest.fixture
def results(made, tmp_path):
    """A copy that may be altered; the film is where it was."""
    return Path(shutil.copytree(made / "results", tmp_path / "results"))
