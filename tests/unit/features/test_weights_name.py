"""Names of the files of weights: one for each request."""

import builtins
import io
import os
import re
import subprocess
import sys

import pytest
import torch

from chronovision.features.weights_name import weights_name
from support.paths import PROJECT

NETWORK = {"model": "alexnet", "weights": "untrained", "layers": ["pool1", "pool5"]}


def name(seed=0, **changes):
    return weights_name({**NETWORK, "device": "cpu", **changes}, seed)


@pytest.fixture
def file(tmp_path):
    """A user's file, of more tensors than a sampled hash alone would look at."""
    torch.manual_seed(0)
    path = tmp_path / "my.pth"
    save({f"layer.{i}.weight": torch.randn(100, 100) for i in range(300)}, path)
    return path


def save(state, path):
    with path.open("wb") as stream:
        torch.save(state, stream)


def test_a_name_says_model_and_source():
    for weights in ("imagenet", "untrained", "auto"):
        assert re.fullmatch(rf"alexnet\.{weights}\.[0-9a-f]{{12}}", name(weights=weights))
    assert re.fullmatch(r"alexnet\.file\.[0-9a-f]{12}", name(weights="nowhere/x.y.pth"))


def test_what_decides_the_weights_and_nothing_else_counts():
    assert name() == name(device="cuda") == name(layers=["pool5", "pool1"])
    assert name() != name(layers=["pool5"])
    assert name() != name(model="vgg19")
    for weights, drawn in {"untrained": True, "auto": True, "imagenet": False}.items():
        assert (name(weights=weights) != name(weights=weights, seed=1)) is drawn


def test_a_file_counts_by_its_contents(file, monkeypatch):
    before = name(weights=str(file))
    os.utime(file, (1, 1))
    other = file.rename(file.with_name("renamed.pth"))
    assert name(weights=str(other)) == before == name(weights=str(other), seed=1)
    monkeypatch.setenv("HOME", str(file.parent))
    assert name(weights="~/renamed.pth") == before
    assert name(weights=str(file)) not in (before, name(weights="elsewhere.pth")), "it is gone"


def test_one_weight_more_or_less_makes_another_name(file):
    state, names = torch.load(file), {name(weights=str(file))}
    size = file.stat().st_size
    for index in (0, 77, 150, 299):
        state[f"layer.{index}.weight"][50, 50] += 1e-3
        save(state, file)
        assert file.stat().st_size == size
        names.add(name(weights=str(file)))
    assert len(names) == 5


def test_of_the_older_format_the_time_counts(file):
    """It holds no checksums, and torchvision's VGG19 comes in it."""
    state = torch.load(file)
    torch.save(state, file, _use_new_zipfile_serialization=False)
    size, before = file.stat().st_size, name(weights=str(file))
    assert name(weights=str(file.rename(file.with_name("renamed.pth")))) == before
    state["layer.77.weight"][50, 50] += 1e-3
    torch.save(state, file, _use_new_zipfile_serialization=False)
    assert file.stat().st_size == size
    assert name(weights=str(file)) != before


@pytest.mark.parametrize("kind", ["new", "older", "any"])
def test_little_of_a_large_file_is_read(kind, file, tmp_path, monkeypatch):
    if kind == "older":
        torch.save(torch.load(file), file, _use_new_zipfile_serialization=False)
    elif kind == "any":
        os.truncate(file, 8 * 2**30)
    read = []

    class Counted(io.FileIO):
        def readinto(self, buffer):
            read.append(super().readinto(buffer))
            return read[-1]

        def readall(self):
            read.append(len(result := super().readall()))
            return result

    for module in (builtins, io):
        monkeypatch.setattr(module, "open", lambda path, *_: io.BufferedReader(Counted(path)))
    name(weights=str(file))
    monkeypatch.undo()
    assert 8 * 8192 <= sum(read) < 300_000 < file.stat().st_size / 30


def test_planning_needs_no_pytorch(file):
    code = (
        "import sys; from chronovision.features.weights_name import weights_name; "
        "from chronovision.jobs.costs import known_gflop; "
        f"weights_name({{'model': 'a', 'layers': ['b'], 'weights': {str(file)!r}}}, 0); "
        "known_gflop('a'); print({'torch', 'pandas'} & set(sys.modules))"
    )
    scripts = PROJECT / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=scripts, check=True
    )
    assert done.stdout == "set()\n"
