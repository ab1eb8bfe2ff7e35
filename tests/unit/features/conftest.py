"""Features that tests share."""

import h5py
import pytest
import torch

from chronovision.features.extraction import extract_features
from chronovision.features.weights import fetch_weights
from support.extracting import ALEXNET, moving_picture, write_frames


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Weights per network and layers, fetched once for the whole module."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def extract(tmp_path, shared):
    def run(rgb, model="alexnet", layers=tuple(ALEXNET), threads=1, window=None, **changes):
        network = {
            **{"model": model, "layers": list(layers), "weights": "untrained", "keep_maps": []},
            **{"maps_dtype": "float16", "device": "cpu", "precision": "float32"},
            **{"batch_size": "auto", **changes},
        }
        pth = shared / f"{model}.{'.'.join(layers)}.pth"
        facts = pth.with_name(f"{pth.name}.json")
        if not pth.exists():
            fetch_weights(network, 0, pth, facts)
        write_frames(tmp_path / "frames.h5", rgb)
        output = tmp_path / "features.h5"
        extract_features(
            frames=tmp_path / "frames.h5",
            weights=pth,
            facts=facts,
            network=network,
            seed=5,
            threads=threads,
            window=window,
            features=output,
        )
        with h5py.File(output) as file:
            found = {
                layer: {name: group[name][()] for name in group}
                for layer, group in file["layers"].items()
            }
            return found, dict(file.attrs), {n: file[n][()] for n in file if n != "layers"}

    run.weights = lambda model, layers: torch.load(
        shared / f"{model}.{'.'.join(layers)}.pth", weights_only=True
    )
    return run


@pytest.fixture
def scaled(extract, tmp_path, shared):
    """Weights of alexnet's conv1 times a factor, as the file that extraction reads."""

    def run(factor):
        extract(moving_picture(9, 64), layers=("conv1", "relu1"))
        pth = shared / "alexnet.conv1.relu1.pth"
        state = torch.load(pth, weights_only=True)
        torch.save({name: value * factor for name, value in state.items()}, pth)
        return pth

    yield run
    for path in shared.glob("alexnet.conv1.relu1.pth*"):
        path.unlink()
