"""Full activation maps."""

import h5py
import numpy as np
import pytest

from chronovision.errors import UserError
from support.extracting import moving_picture, reference


@pytest.mark.moderate
def test_maps(extract, tmp_path):
    rgb = moving_picture(9, 64)
    layers = ("conv1", "fc7")
    found, _, _ = extract(rgb, layers=layers, keep_maps=["conv1", "fc7"])
    nodes = {"conv1": "features.0", "fc7": "classifier.4"}
    truth = reference(rgb, extract.weights("alexnet", layers), nodes)
    for layer, x in truth.items():
        assert found[layer]["maps"].shape == x.shape and found[layer]["maps"].dtype == np.float16
        assert found[layer]["maps"] == pytest.approx(x, abs=1e-3 * np.abs(x).max())
    with h5py.File(tmp_path / "features.h5") as file:
        maps = file["layers/conv1/maps"]
        assert maps.chunks == (1, *truth["conv1"].shape[1:]) and maps.compression == "gzip"
        assert file["layers/conv1"].attrs["units"] == truth["conv1"][0].size


@pytest.mark.moderate
def test_maps_beyond_float16_are_refused(extract, scaled, tmp_path):
    scaled(1e6)
    options = {"layers": ("conv1", "relu1"), "keep_maps": ["conv1"]}
    (tmp_path / "features.h5").unlink()
    with pytest.raises(UserError, match="network.maps_dtype: float32"):
        extract(moving_picture(9, 64), **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.h5"]
    found, _, _ = extract(moving_picture(9, 64), **options, maps_dtype="float32")
    assert np.abs(found["conv1"]["maps"]).max() > 65504
