"""Features against other libraries, whatever the batch, the pieces and the precision."""

import json
import logging

import numpy as np
import pytest
from scipy.stats import pearsonr

from chronovision.errors import UserError
from chronovision.features import extraction as features
from chronovision.features import networks
from chronovision.features.engines import OpenVinoEngine
from chronovision.features.moments import BLOCK, random_signs, summarise
from support.extracting import ALEXNET, moving_picture, reference
from support.tiers import moderate_after, slow_after


def one_minus_r(found, units):
    mean, std, step_sq = found["mean"], found["std"], found["step_sq"]
    variance = step_sq[1:] / units - np.diff(mean) ** 2
    return (variance - np.diff(std) ** 2) / (2 * std[1:] * std[:-1])


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("model", "nodes"),
    slow_after(
        1,
        [
            ("alexnet", ALEXNET),
            ("resnet18", {"layer1": "layer1", "layer4": "layer4", "fc": "fc"}),
        ],
    ),
)
def test_against_torchvision_and_scipy(extract, model, nodes):
    rgb = moving_picture(12, 64)
    found, _, _ = extract(rgb, model, tuple(nodes))
    truth = reference(rgb, extract.weights(model, tuple(nodes)), nodes, model)
    for layer, x in truth.items():
        got, flat, scale = found[layer], x.reshape(len(x), -1), np.abs(x).max()
        channels = x.reshape(*x.shape[:2], -1).mean(axis=2)
        assert np.abs(got["channels"] - channels).max() < 1e-5 * scale
        assert np.abs(got["mean"] - flat.mean(axis=1)).max() < 1e-5 * scale
        assert np.abs(got["std"] - flat.std(axis=1)).max() < 1e-5 * scale
        assert np.isnan(got["step_sq"][0]) and got["step_sq"][5] == 0
        steps = (np.diff(flat, axis=0) ** 2).sum(axis=1)
        assert got["step_sq"][1:] == pytest.approx(steps, rel=1e-3, abs=1e-8 * scale**2)
        r = np.array([pearsonr(a, b)[0] for a, b in zip(flat, flat[1:], strict=False)])
        assert one_minus_r(got, flat.shape[1]) == pytest.approx(1 - r, rel=1e-3, abs=1e-8)


@pytest.mark.moderate
@pytest.mark.parametrize("layer", moderate_after(1, ["pool5", "conv2"]))
def test_change_of_the_same_activations_is_exact(extract, layer):
    # The extractor's own activations (kept maps), so that nothing but the moments differs.
    rgb = moving_picture(12, 64)
    found, _, _ = extract(rgb, layers=(layer,), keep_maps=[layer], maps_dtype="float32")
    x = found[layer]["maps"].astype(np.float64).reshape(len(rgb), -1)
    r = np.array([pearsonr(a, b)[0] for a, b in zip(x, x[1:], strict=False)])
    found_change = one_minus_r(found[layer], x.shape[1])
    assert found_change == pytest.approx(1 - r, rel=1e-5, abs=1e-10)
    assert found[layer]["std"] == pytest.approx(x.std(axis=1), rel=1e-12)


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 0.0])
@pytest.mark.parametrize("gain", [1.0, 0.999, 0.9])
def test_moments_hold_for_stills_and_fades(noise, gain):
    rng = np.random.default_rng(1)
    x = rng.exponential(size=(64, 3000)).astype(np.float32) + np.float32(20)
    y = (x * np.float32(gain) + noise * rng.normal(size=x.shape)).astype(np.float32)
    signs = random_signs(0, "layer", x.size)
    assert x.size > BLOCK and x.size % BLOCK
    a, b = summarise(x, None, signs), summarise(y, x, signs)
    found = one_minus_r(
        {k: np.array([getattr(m, k) for m in (a, b)]) for k in ("mean", "std", "step_sq")}, x.size
    )
    u, v = (z.astype(np.longdouble).ravel() - z.mean(dtype=np.longdouble) for z in (x, y))
    u, v = u / np.sqrt(u @ u), v / np.sqrt(v @ v)
    assert found[0] == pytest.approx(float(((u - v) ** 2).sum() / 2), rel=1e-5, abs=1e-10)


def test_sketch_is_the_signed_fold_of_z():
    rng = np.random.default_rng(2)
    x = rng.exponential(size=(7, 23, 23)).astype(np.float32)
    signs = random_signs(4, "pool3", x.size)
    z = (x.astype(float) - x.mean(dtype=float)).ravel() / (x.std(dtype=float) * np.sqrt(x.size))
    buckets = np.bincount(np.arange(x.size) % 512, z * signs, minlength=512)
    found = summarise(x.reshape(7, -1), None, signs).sketch
    assert found == pytest.approx(buckets, abs=1e-3 * np.abs(buckets).max())
    assert set(np.unique(signs)) == {-1, 1} and abs(signs.mean()) < 0.1
    assert not np.array_equal(signs, random_signs(4, "pool4", x.size))


@pytest.mark.moderate
def test_sketches_estimate_r_of_any_two_frames(extract):
    rgb = moving_picture(12, 64)
    rgb[8:] = np.random.default_rng(3).integers(0, 256, rgb[8:].shape)
    found, _, _ = extract(rgb, layers=("pool1", "conv2"), keep_maps=["pool1", "conv2"])
    for layer in found.values():
        x = layer["maps"].astype(np.float64).reshape(len(rgb), -1)
        sketch = layer["sketch"].astype(np.float64)
        error = (np.corrcoef(sketch) - np.corrcoef(x))[np.triu_indices(len(rgb), 1)]
        assert np.sqrt((error**2).mean()) < 1.5 / np.sqrt(512)
        assert np.abs(error).max() < 5 / np.sqrt(512)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["alexnet", "vgg11"])
def test_numbers_depend_on_neither_batch_nor_threads(extract, model):
    layers = tuple(ALEXNET) if model == "alexnet" else ("pool1", "pool5")
    rgb = moving_picture(11, 64)
    results = [
        extract(rgb, model, layers, threads=threads, batch_size=batch)[0]
        for threads, batch in [(1, 8), (1, 1), (2, 2), (1, 5), (2, 8)]
    ]
    for other in results[1:]:
        for layer, values in results[0].items():
            for name, value in values.items():
                assert value.tobytes() == other[layer][name].tobytes(), (layer, name)


@pytest.mark.moderate
def test_repeated_pictures_go_through_the_network_once(extract, monkeypatch):
    rgb = moving_picture(9, 64)[[0, 0, 1, 2, 2, 2, *[3] * 50, 4, 3, 3, 6, 8]]
    seen = []
    start = OpenVinoEngine._start

    def counted(self, slot, images):
        seen.append(len(images))
        return start(self, slot, images)

    monkeypatch.setattr(OpenVinoEngine, "_start", counted)
    found, _, _ = extract(rgb, layers=("pool1", "pool5"), keep_maps=["pool1"])
    # A long still is broken into parts, so that the rows of a batch remain few.
    assert seen == [4, 5]
    seen.clear()
    monkeypatch.setattr(features, "MOST_REPEATS", 1 / 8)
    every, _, _ = extract(rgb, layers=("pool1", "pool5"), keep_maps=["pool1"])
    assert seen == [1] * len(rgb)
    for layer, values in every.items():
        for name, value in values.items():
            assert value.tobytes() == found[layer][name].tobytes(), (layer, name)
        assert np.flatnonzero(values["step_sq"] == 0).size == 53


@pytest.mark.moderate
@pytest.mark.parametrize("cuts", slow_after(1, [[0.12], [], [0.02, 0.16, 0.2], [0.04, 0.3, 5.0]]))
def test_windows_join_to_the_whole(extract, cuts):
    rgb = moving_picture(11, 64)
    options = {"layers": ("pool1", "pool5"), "keep_maps": ["pool1"], "batch_size": 3}
    whole, _, clock = extract(rgb, **options)
    edges = [0, *cuts, np.inf]
    windows = list(zip(edges[:-1], edges[1:], strict=True))
    parts = [extract(rgb, **options, window=window) for window in windows]
    for name, values in clock.items():
        assert np.concatenate([part[2][name] for part in parts]).tobytes() == values.tobytes()
    for layer, values in whole.items():
        for name, value in values.items():
            joined = np.concatenate([part[0][layer][name] for part in parts])
            assert joined.tobytes() == value.tobytes(), (layer, name)


@pytest.mark.moderate
def test_black_frames_and_dead_layers(extract):
    rgb = np.zeros((4, 64, 64, 3), np.uint8)
    found, _, _ = extract(rgb, layers=("pool1", "pool5"))
    for layer in found.values():
        assert np.all(layer["step_sq"][1:] == 0) and np.ptp(layer["std"]) == 0
        assert np.isfinite(layer["sketch"]).all()
    constant = summarise(np.full((3, 700), 0.1, np.float32), None, random_signs(0, "x", 2100))
    assert constant.std == 0 and not constant.sketch.any()
    assert constant.channels.tolist() == [np.float32(0.1)] * 3


@pytest.mark.moderate
def test_what_is_written_beside_the_moments(extract):
    rgb = moving_picture(9, 64)
    found, attrs, clock = extract(rgb, layers=("pool2", "pool5"))
    assert clock["source_frame"].tolist() == list(range(0, 18, 2))
    assert set(clock) == {"source_frame", "time_s", "key_frame"}
    assert attrs["frame_interval_s"] == 0.04 and attrs["decoder_messages"] == "[]"
    assert json.loads(attrs["layers"]) == ["pool2", "pool5"]
    provenance = json.loads(attrs["provenance"])
    assert provenance["videos"] == {"made": {"sha256": "0"}}
    network = provenance["network"]
    assert (network["model"], network["weights"], network["trained"]) == (
        "alexnet",
        "untrained",
        False,
    )
    assert (network["precision"], network["device"]) == ("float32", "cpu")
    assert network["layers"] == ["pool2", "pool5"] and len(network["weights_sha256"]) == 64
    assert "torch" in provenance["software"] and "extract_features" in provenance["steps"]
    kinds = {name: value.dtype.str[1:] for name, value in found["pool5"].items()}
    assert kinds == {"channels": "f4", "mean": "f8", "std": "f8", "step_sq": "f8", "sketch": "f2"}
    assert found["pool2"]["channels"].shape == (9, 192) and "maps" not in found["pool2"]


@pytest.mark.moderate
def test_activations_that_are_not_finite(extract, scaled):
    scaled(3e38)
    with pytest.raises(UserError, match="layer conv1 .* not finite at frame 0"):
        extract(moving_picture(9, 64), layers=("conv1", "relu1"))


@pytest.mark.moderate
def test_weights_of_other_layers(extract, shared):
    extract(moving_picture(8, 64), layers=("pool1",))
    (shared / "alexnet.pool2.pth").write_bytes((shared / "alexnet.pool1.pth").read_bytes())
    facts = shared / "alexnet.pool2.pth.json"
    facts.write_bytes((shared / "alexnet.pool1.pth.json").read_bytes())
    with pytest.raises(UserError, match="does not hold the weights for network.layers pool2"):
        extract(moving_picture(8, 64), layers=("pool2",))
    facts.write_text(facts.read_text().replace("alexnet", "vgg11"))
    with pytest.raises(UserError, match="vgg11"):
        extract(moving_picture(8, 64), layers=("pool2",))


@pytest.mark.moderate
def test_frames_too_small_for_the_network(extract):
    with pytest.raises(UserError, match="frames.size"):
        extract(np.zeros((2, 16, 16, 3), np.uint8), "vgg11", ("pool5",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layer", "shape", "channels"),
    [
        ("swin_t", "features.1", (16, 16, 96), 96),
        ("vit_b_32", "encoder.layers.encoder_layer_0", (50, 768), 768),
    ],
)
def test_networks_with_channels_last(extract, model, layer, shape, channels):
    rgb = moving_picture(8, 224 if model == "vit_b_32" else 64)[:3]
    found, _, _ = extract(rgb, model, (layer,), keep_maps=[layer], maps_dtype="float32")
    maps = found[layer]["maps"]
    assert maps.shape == (3, *shape) and found[layer]["channels"].shape == (3, channels)
    means = maps.reshape(3, -1, channels).mean(axis=1)
    assert found[layer]["channels"] == pytest.approx(means, abs=1e-5)


@pytest.mark.moderate
def test_bfloat16_is_close(extract):
    rgb = moving_picture(9, 64)
    exact, _, _ = extract(rgb, layers=("pool1", "pool5"))
    found, attrs, _ = extract(rgb, layers=("pool1", "pool5"), precision="bfloat16")
    for layer, values in exact.items():
        assert found[layer]["std"] == pytest.approx(values["std"], rel=0.02)
        assert not np.array_equal(found[layer]["std"], values["std"])
    assert json.loads(attrs["provenance"])["network"]["precision"] == "bfloat16"


def test_log_names_device_and_settings(extract, caplog):
    caplog.set_level(logging.INFO)
    extract(moving_picture(8, 64), layers=("pool1",), batch_size=4)
    for word in ("alexnet", "pool1", "cpu", "float32", "batch 4", "1 threads", "8 frames"):
        assert word in caplog.text
    assert "frames per second" in caplog.text


def test_the_network_is_read_from_torchvision_once(extract, monkeypatch):
    """Names, shapes, weights and engine are of one `NetworkSpec`."""
    extract(moving_picture(9, 64), layers=("conv2",))
    made, make = [], networks.make_model
    monkeypatch.setattr(networks, "make_model", lambda model: made.append(model) or make(model))
    extract(moving_picture(9, 64), layers=("conv2",))
    assert made == ["alexnet"]
