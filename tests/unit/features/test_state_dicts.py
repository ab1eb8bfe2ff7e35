"""State dicts as other programs save them: names, wrappers and formats that people have."""

import io
import pickletools
import struct
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from chronovision.errors import UserError
from chronovision.features.networks import NetworkSpec
from chronovision.features.state_dicts import read_state_dict, select_tensors
from support.tiers import slow_after

LAYERS = ["features.3", "classifier.1"]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return torchvision.models.squeezenet1_1()


class Lightning(nn.Module):
    """A module of PyTorch Lightning keeps its network in `model`, as a rule."""

    def __init__(self, model):
        super().__init__()
        self.model = model


def with_parallel_features(net):
    """As Places365's AlexNet and VGG, and torchvision's ImageNet example, are saved."""
    changed = torchvision.models.squeezenet1_1()
    changed.load_state_dict(net.state_dict())
    changed.features = nn.DataParallel(changed.features)
    return changed


WRAPPED = {
    "plain": lambda net: net,
    "DataParallel": nn.DataParallel,
    "torch.compile": torch.compile,
    "Lightning": Lightning,
    "features": with_parallel_features,
    "compiled, then parallel": lambda net: nn.DataParallel(torch.compile(net)),
    "parallel in Lightning": lambda net: Lightning(nn.DataParallel(net)),
    "features in Lightning": lambda net: Lightning(with_parallel_features(net)),
    "parallel features, compiled": lambda net: torch.compile(with_parallel_features(net)),
}


def select(file, layers=LAYERS, model="squeezenet1_1"):
    return select_tensors(read_state_dict(Path(file)), NetworkSpec.build(model, layers), "w.pth")


def refusal(state, tmp_path, layers=LAYERS, model="squeezenet1_1"):
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UserError) as error:
        select(tmp_path / "w.pth", layers, model)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("wrapped", slow_after(2, WRAPPED))
@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict"])
def test_what_wrappers_put_into_names_is_taken_out(net, tmp_path, wrapped, key):
    state = WRAPPED[wrapped](net).state_dict()
    assert wrapped == "plain" or "features.0.weight" not in state
    torch.save({"epoch": 3, key: state} if key else state, tmp_path / "w.pth")
    found, expected = select(tmp_path / "w.pth"), net.state_dict()
    assert set(found) == {
        name for name in expected if name.startswith(("features", "classifier.1"))
    }
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_a_checkpoint_within_a_checkpoint(net, tmp_path):
    torch.save({"model": {"state_dict": net.state_dict()}, "lr": 0.1}, tmp_path / "w.pth")
    assert len(select(tmp_path / "w.pth", ["features.0"])) == 2
    endless: dict = {}
    endless["model"] = endless
    assert "which the file does not hold" in refusal(endless, tmp_path)


@pytest.mark.moderate
def test_what_is_ambiguous_or_partial_is_refused(net, tmp_path):
    state = net.state_dict()
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    said = refusal({"model": state, "state_dict": wrapped}, tmp_path)
    assert "several state dicts (model, state_dict)" in said
    said = refusal(state | wrapped, tmp_path)
    assert "features.0.weight and module.features.0.weight may both be features.0.weight" in said
    first = {name for name in state if name.startswith("features.0")}
    mixed = {name if name in first else f"module.{name}": state[name] for name in state}
    said = refusal(mixed, tmp_path)
    assert (
        "features.0.weight and module.features.3.squeeze.weight do not bear the same prefix" in said
    )
    partial = {name: tensor for name, tensor in wrapped.items() if "classifier" not in name}
    said = refusal(partial, tmp_path)
    assert "layer classifier.1 needs classifier.1.weight, which the file does not hold" in said
    other = {f"encoder_q.{name}": tensor for name, tensor in state.items()}
    said = refusal(other, tmp_path)
    assert "but encoder_q.features.0.weight: take encoder_q. off its names" in said
    # The advice works.
    torch.save({name.removeprefix("encoder_q."): other[name] for name in other}, tmp_path / "w.pth")
    assert select(tmp_path / "w.pth")


@pytest.mark.moderate
def test_other_classes_do_not_matter_unless_their_layer_is_asked_for(tmp_path):
    """As in Places365's ResNets, in the format and with the text of Python 2."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18(num_classes=365)
    checkpoint = {
        "epoch": 90,
        "arch": "resnet18",
        "state_dict": nn.DataParallel(net).state_dict(),
        "best_prec1": 54.2,
    }
    saved_by_python_2(checkpoint, tmp_path / "resnet18_places365.pth.tar")
    found = select(tmp_path / "resnet18_places365.pth.tar", ["layer4"], "resnet18")
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in found.items())
    assert len(found) == 100 and not any(name.startswith("fc") for name in found)
    said = refusal(checkpoint, tmp_path, ["layer4", "fc"], "resnet18")
    assert "module.fc.weight has the shape (365, 512), but resnet18 needs (1000, 512)" in said
    assert "it was trained for 365 classes, so leave out layer fc" in said


def saved_by_python_2(contents, path):
    """Save in PyTorch's format before 1.6, with byte strings in place of text."""
    buffer = io.BytesIO()
    torch.save(contents, buffer, _use_new_zipfile_serialization=False)
    data, written = buffer.getvalue(), b""
    for _ in range(5):  # magic number, protocol, system, contents, keys; then come the storages
        places = [(place, name.name, text) for name, text, place in pickletools.genops(data)]
        ends = [*(place for place, _, _ in places[1:]), places[-1][0] + 1]
        for (place, name, text), end in zip(places, ends, strict=True):
            if name == "BINUNICODE":
                raw = text.encode()
                written += b"U" + struct.pack("B", len(raw)) + raw
            else:
                written += data[place:end]
        data = data[ends[-1] :]
    path.write_bytes(written + data)
