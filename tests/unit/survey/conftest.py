"""Folders of films that tests of the survey share."""

import pytest

from chronovision.survey import costs
from chronovision.survey import weights as survey_weights
from chronovision.survey.cpu_speed import Speeds
from support.clips import make_clip


@pytest.fixture(autouse=True)
def made_up_speeds(monkeypatch):
    """A survey measures the machine for a second; test_cpu_speed.py does so."""
    monkeypatch.setattr(costs, "measure_speeds", lambda device: Speeds(100.0, None))


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", "testsrc=s=64x48:r=25:d=0.8")


@pytest.fixture
def films(clip, tmp_path, monkeypatch):
    """A folder of three videos, a working directory, and a server of weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: None)
    folder = tmp_path / "films"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.mp4").write_bytes(clip.read_bytes())
    return folder
