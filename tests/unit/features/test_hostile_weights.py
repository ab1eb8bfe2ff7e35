"""Files of weights that run code, unpack to much or hold nothing."""

import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from chronovision.errors import UserError
from chronovision.features.weights import fetch_weights
from support.hostile import in_one_line


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def tar_of(path: Path) -> None:
    """PyTorch's oldest format, with a member that would be unpacked beside the folder."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages", "../escaped"):
            data = pickle.dumps(Malicious())
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


HOSTILE_WEIGHTS = {
    "legacy": lambda path: torch.save(
        {"a": Malicious()}, path, _use_new_zipfile_serialization=False
    ),
    "nested": lambda path: torch.save({"state_dict": {"features.0.bias": Malicious()}}, path),
    "wrapped": lambda path: torch.save({"epoch": 3, "optimizer": Malicious()}, path),
    "whole_model": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    "torchscript": lambda path: torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path),
    "bare_pickle": lambda path: path.write_bytes(pickle.dumps(Malicious())),
    "numpy": lambda path: np.save(path.open("wb"), np.array([Malicious()]), allow_pickle=True),
    "numpy_zip": lambda path: np.savez(path.open("wb"), a=np.array([Malicious()])),
    "tar": tar_of,
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", HOSTILE_WEIGHTS)
@pytest.mark.parametrize("forced", [False, True])
def test_no_weights_file_runs_code(tmp_path, monkeypatch, kind, forced):
    """Nor does it with the variable by which PyTorch can be told to trust all files."""
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    HOSTILE_WEIGHTS[kind](inner / "w.pth")
    refuse_weights(inner / "w.pth", "was not loaded")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "w.pth"]


def refuse_weights(asked, said) -> None:
    network = {"model": "alexnet", "weights": str(asked), "layers": ["conv1"]}
    with pytest.raises(UserError, match=said) as error:
        fetch_weights(network, 0, "out/w.pth", "out/w.json")
    in_one_line(error)


def conv1(**changes) -> dict:
    state = {"weight": torch.zeros(64, 3, 11, 11), "bias": torch.zeros(64), **changes}
    return {f"features.0.{name}": value for name, value in state.items()}


def test_an_archive_that_unpacks_to_much_is_not_unpacked(tmp_path):
    torch.save(conv1(), tmp_path / "plain.pth")
    bomb = tmp_path / "bomb.pth"
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            padding = bytes(2**24) if name.endswith("data.pkl") else b""
            packed.writestr(name, plain.read(name) + padding)
    assert bomb.stat().st_size < 2**18
    refuse_weights(bomb, "was not loaded")


def test_tensors_without_values(tmp_path):
    torch.save(conv1(weight=torch.empty(64, 3, 11, 11, device="meta")), tmp_path / "w.pth")
    refuse_weights(tmp_path / "w.pth", "features.0.weight is no plain tensor")
    torch.save(conv1(bias=torch.zeros(1).expand(10**12)), tmp_path / "w.pth")
    refuse_weights(tmp_path / "w.pth", "features.0.bias has the shape .1000000000000,.")


@pytest.mark.parametrize("name", ["x" * 300, "~nobody/w.pth", "/dev/zero", "/dev/stdin", "."])
def test_weights_under_impossible_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    refuse_weights(name, "is not a file; give imagenet")
