"""Engines against each other and against plain PyTorch, whichever runs where."""

import logging

import numpy as np
import openvino
import pytest
import torch

from chronovision.features import engines
from chronovision.features.engines import OpenVinoEngine, TorchEngine, load_network, make_engine
from chronovision.features.networks import NetworkSpec
from chronovision.features.weights import fetch_weights
from support.tiers import slow_after

SIZE = 64
#: Of VGG no layer behind pool5, whose weights would be 400 MB.
LAYERS = {
    "resnet18": ["layer1", "layer4", "fc"],
    "vgg11": ["conv1_1", "pool2", "pool5"],
    "alexnet": ["fc6", "prob"],
    "swin_t": ["features.1"],
    "densenet121": ["features.denseblock2"],
    "mobilenet_v3_small": ["features.3", "classifier.3"],
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")

    def load(model):
        wanted = {"model": model, "layers": LAYERS[model], "weights": "untrained"}
        pth = folder / f"{model}.pth"
        if not pth.exists():
            fetch_weights(wanted, 0, pth, folder / f"{model}.json")
        spec = NetworkSpec.build(model, LAYERS[model])
        return load_network(spec, pth, spec.activation_shapes(SIZE))

    return load


def pictures(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


def run(engine, *batches):
    return [[output.copy() for output in outputs] for outputs in engine.run(batches)]


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.moderate
@pytest.mark.parametrize("model", slow_after(1, LAYERS))
def test_float32_is_that_of_pytorch(network, model):
    images = pictures(3)
    with torch.inference_mode():
        expected = [output.numpy() for output in network(model)(torch.from_numpy(images))]
    (found,) = run(OpenVinoEngine(network(model), "float32", (4, SIZE, SIZE, 3), 1), images)
    assert [f.shape for f in found] == [e.shape for e in expected]
    assert all(f.dtype == np.float32 for f in found)
    assert max(map(relative, found, expected)) < 1e-5


@pytest.mark.moderate
@pytest.mark.parametrize("precision", slow_after(1, ["float32", "bfloat16"]))
@pytest.mark.parametrize("kind", ["openvino", "torch"])
def test_batches_come_back_in_order_whatever_their_length(network, kind, precision):
    if precision == "bfloat16" and kind == "openvino" and not engines.native_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    net, shape = network("vgg11"), (4, SIZE, SIZE, 3)
    engine = (
        OpenVinoEngine(net, precision, shape, 1)
        if kind == "openvino"
        else TorchEngine(net, precision, "cpu", shape)
    )
    parts = [pictures(4, 1), pictures(1, 2), pictures(3, 3), pictures(4, 4), pictures(2, 5)]
    found = run(engine, *parts)
    assert [len(outputs[0]) for outputs in found] == [len(part) for part in parts]
    for part, outputs in zip(parts, found, strict=True):
        (alone,) = run(engine, part)
        for layer, expected in zip(outputs, alone, strict=True):
            assert np.array_equal(layer, expected)
    assert run(engine) == []


@pytest.mark.moderate
def test_an_engine_works_one_batch_ahead(network):
    asked = []

    def batches():
        for i in range(4):
            asked.append(i)
            yield pictures(2, i)

    engine = OpenVinoEngine(network("vgg11"), "float32", (2, SIZE, SIZE, 3), 1)
    seen = [list(asked) for _ in engine.run(batches())]
    assert seen == [[0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vgg11", "resnet18"])
def test_bfloat16_of_both_engines_is_near_float32(network, model):
    images, shape = pictures(4), (4, SIZE, SIZE, 3)
    (exact,) = run(OpenVinoEngine(network(model), "float32", shape, 1), images)
    found = [run(TorchEngine(network(model), "bfloat16", "cpu", shape), images)[0]]
    if engines.native_bfloat16():
        found += run(OpenVinoEngine(network(model), "bfloat16", shape, 1), images)
    for outputs in found:
        errors = [relative(f, e) for f, e in zip(outputs, exact, strict=True)]
        assert 1e-4 < max(errors) < 0.1


@pytest.mark.slow
@pytest.mark.skipif(not engines.native_bfloat16(), reason="this CPU has no bfloat16")
def test_bfloat16_depends_on_neither_batch_nor_threads(network):
    images = pictures(8)
    (expected,) = run(OpenVinoEngine(network("vgg11"), "bfloat16", (8, SIZE, SIZE, 3), 1), images)
    for batch, threads in [(2, 1), (3, 2), (8, 2), (16, 3)]:
        engine = OpenVinoEngine(network("vgg11"), "bfloat16", (batch, SIZE, SIZE, 3), threads)
        parts = run(engine, *np.split(images, range(batch, 8, batch)))
        for i, layer in enumerate(expected):
            assert np.array_equal(np.concatenate([part[i] for part in parts]), layer)


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("precision", "native", "expected", "warned"),
    [
        ("float32", False, OpenVinoEngine, False),
        ("bfloat16", False, TorchEngine, True),
        ("bfloat16", True, TorchEngine, False),
    ],
)
def test_choice_of_engine_where_openvino_has_no_bfloat16(
    network, monkeypatch, caplog, precision, native, expected, warned
):
    monkeypatch.setattr(engines, "native_bfloat16", lambda: native)
    monkeypatch.setattr(engines, "openvino_has_bfloat16", lambda: False)
    caplog.set_level(logging.WARNING)
    engine = make_engine(network("vgg11"), precision, "cpu", 2, SIZE, 1)
    assert type(engine) is expected
    assert ("emulates" in caplog.text) == warned


@pytest.mark.moderate
def test_a_cpu_with_bfloat16_uses_it(network):
    abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if not engines.native_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    assert "BF16" in abilities
    engine = make_engine(network("vgg11"), "bfloat16", "cpu", 2, SIZE, 1)
    assert type(engine) is OpenVinoEngine


@pytest.mark.moderate
def test_nothing_is_reported_to_the_makers_of_openvino(network, monkeypatch):
    import openvino_telemetry

    def refuse(*_, **__):
        raise AssertionError("telemetry")

    monkeypatch.setattr(openvino_telemetry.Telemetry, "__init__", refuse)
    monkeypatch.setattr(openvino_telemetry.Telemetry, "send_event", refuse)
    run(OpenVinoEngine(network("vgg11"), "float32", (2, SIZE, SIZE, 3), 1), pictures(2))
