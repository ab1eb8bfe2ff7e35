"""Names of layers, and the cut of the network at the deepest of them."""

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from chronovision.errors import UserError
from chronovision.features.network_hints import asked_network
from chronovision.features.networks import (
    NetworkSpec,
    channel_axis,
    layer_nodes,
    make_model,
    normalisation,
)
from chronovision.features.operations import count_gflop
from chronovision.jobs.costs import GFLOP
from support.tiers import moderate_after

# The field's names, written out by hand from torchvision's printed modules.
VGG16 = {
    "conv1_1": "features.0",
    "relu1_2": "features.3",
    "pool1": "features.4",
    "conv3_3": "features.14",
    "pool3": "features.16",
    "conv5_3": "features.28",
    "relu5_3": "features.29",
    "pool5": "features.30",
    "fc6": "classifier.0",
    "relu6": "classifier.1",
    "fc7": "classifier.3",
    "relu7": "classifier.4",
    "fc8": "classifier.6",
    "prob": "classifier.7",
}
ALEXNET = {
    "conv1": "features.0",
    "relu1": "features.1",
    "pool1": "features.2",
    "conv2": "features.3",
    "pool2": "features.5",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "relu5": "features.11",
    "pool5": "features.12",
    "fc6": "classifier.1",
    "relu6": "classifier.2",
    "fc7": "classifier.4",
    "relu7": "classifier.5",
    "fc8": "classifier.6",
    "prob": "classifier.7",
}


@pytest.mark.parametrize(("model", "nodes"), [("vgg16", VGG16), ("alexnet", ALEXNET)])
def test_field_names_are_the_right_modules(model, nodes):
    found = layer_nodes(model)
    assert {layer: found[layer] for layer in nodes} == nodes


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
@pytest.mark.parametrize("suffix", ["", "_bn"])
def test_vgg_names_are_complete(depth, suffix):
    names = layer_nodes(f"vgg{depth}{suffix}")
    assert [name for name in names if name.startswith("pool")] == [f"pool{i}" for i in range(1, 6)]
    assert sum(name.startswith("conv") for name in names) == depth - 3
    assert sum(name.startswith("bn") for name in names) == (depth - 3 if suffix else 0)
    last = {11: "conv5_2", 13: "conv5_2", 16: "conv5_3", 19: "conv5_4"}[depth]
    assert last in names and f"{last[:-1]}{int(last[-1]) + 1}" not in names


def test_notebook_slices_are_the_poolings():
    # vgg19_bn cut after each pooling: slices 7, 14, 27, 40, 53 of `features`.
    nodes = layer_nodes("vgg19_bn")
    ends = [int(nodes[f"pool{i}"].removeprefix("features.")) + 1 for i in range(1, 6)]
    assert ends == [7, 14, 27, 40, 53]


def network(**changes):
    return {"model": "vgg19", "layers": ["pool1", "pool5"], **changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "vgg91"}, ["network.model", "vgg91", "vgg19"]),
        ({"model": "fcn_resnet50"}, ["network.model", "fcn_resnet50", "resnet50"]),
        ({"layers": ["pol5"]}, ["network.layers", "pol5", "pool5"]),
        ({"layers": ["features.4"]}, ["network.layers", "features.4"]),
        ({"layers": ["conv5_5"]}, ["network.layers", "conv5_4"]),
        ({"model": "resnet18", "layers": ["layer9"]}, ["network.layers", "layer4"]),
        ({"layers": ["pool1", "pool1"]}, ["network.layers", "pool1", "twice"]),
        ({"layers": []}, ["network.layers"]),
    ],
)
def test_mistakes_are_named(changes, words):
    with pytest.raises(UserError) as error:
        NetworkSpec.build(network(**changes)["model"], network(**changes)["layers"])
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("model", "layer", "said"),
    [
        ("vgg19", "features.36", "it is called pool5 here"),
        ("vgg19_bn", "features.52", "it is called pool5 here"),
        ("vgg16", "classifier.0", "it is called fc6 here"),
        ("alexnet", "classifier.0", "dropout changes nothing here: ask for pool5"),
        ("alexnet", "classifier.3", "dropout changes nothing here: ask for relu6"),
        ("vgg19", "softmax", "it is called prob here"),
        ("alexnet", "avgpool", "ask for pool5"),
        ("vgg19", "block4_conv2", "it is called relu4_2 here"),
        ("vgg19", "block5_pool", "it is called pool5 here"),
        ("vgg19", "classifier.8", "nearest: "),
        ("resnet18", "softmax", "it has no softmax and ends with fc"),
    ],
)
def test_names_of_other_tools_lead_to_ours(model, layer, said):
    with pytest.raises(UserError, match=f"{model} has no layer '{layer}'") as error:
        asked_network(network(model=model, layers=[layer]))
    assert said in str(error.value)


@pytest.mark.moderate
def test_what_avgpool_and_dropout_pass_on_is_what_the_hint_says():
    images = torch.zeros(1, 3, 224, 224)
    for model in ("alexnet", "vgg11"):
        net = make_model(model)
        maps = net.features(images)
        assert torch.equal(net.avgpool(maps), maps)
        dropouts = [one for one in net.classifier if isinstance(one, nn.Dropout)]
        assert dropouts and all(torch.equal(one(images), images) for one in dropouts)


@pytest.mark.moderate
def test_operations_are_those_that_torchvision_states():
    """Of whole networks, as multiplications with an addition each, so half as many."""
    for model, last in (("alexnet", "prob"), ("vgg19", "prob"), ("vit_l_16", "heads")):
        stated = torchvision.models.get_model_weights(model).DEFAULT.meta["_ops"]
        assert count_gflop(NetworkSpec.build(model, [last])) == pytest.approx(2 * stated, rel=1e-3)
    assert count_gflop(NetworkSpec.build("vgg19", ["pool5"])) == pytest.approx(39.02, abs=0.005)
    first = 2 * 64 * 55 * 55 * 3 * 11 * 11  # multiply and add, channels, places, kernel
    assert count_gflop(NetworkSpec.build("alexnet", ["pool1"])) == pytest.approx(first / 1e9)


@pytest.mark.slow
def test_the_table_of_operations_holds_all_networks():
    assert set(GFLOP) == set(torchvision.models.list_models(module=torchvision.models))
    for model, last in (
        *(("alexnet", "prob"), ("mobilenet_v3_small", "classifier"), ("resnet18", "fc")),
        *(("densenet121", "classifier"), ("vit_b_32", "heads"), ("swin_v2_t", "head")),
    ):
        assert GFLOP[model] == pytest.approx(
            count_gflop(NetworkSpec.build(model, [last])), rel=1e-3
        )
    # Its pictures are of 518 pixels, for which torchvision states its operations.
    stated = torchvision.models.get_model_weights("vit_h_14").DEFAULT.meta["_ops"]
    assert GFLOP["vit_h_14"] * (518 / 224) ** 2 == pytest.approx(2 * stated, rel=1e-3)


def test_two_names_of_one_node_are_refused():
    last = [node for node in layer_nodes("resnet18") if node.startswith("layer4.")][-1]
    with pytest.raises(UserError, match="twice"):
        NetworkSpec.build("resnet18", ["layer4", last])


def filled(model, layers, seed=0):
    torch.manual_seed(seed)
    net = make_model(model)
    spec = NetworkSpec.build(model, layers)
    return net, spec.with_weights({name: net.state_dict()[name] for name in spec.needed_tensors()})


def test_nothing_beyond_the_deepest_layer_is_left():
    spec = NetworkSpec.build("vgg11_bn", ["pool1", "pool3"])
    assert not any(name.startswith("classifier") for name in spec.skeleton.state_dict())
    weights = [name for name in spec.needed_tensors() if name.endswith("weight")]
    assert {int(name.split(".")[1]) for name in weights} == {0, 1, 4, 5, 8, 9, 11, 12}
    assert not any("num_batches" in name for name in spec.needed_tensors())


@pytest.mark.moderate
def test_computation_stops_at_the_deepest_layer():
    images = torch.zeros(2, 3, 64, 64)
    flops = {}
    for layer in ("conv1", "pool1", "conv2", "fc8"):
        _, extractor = filled("alexnet", [layer])
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            extractor(images)
        flops[layer] = counter.get_total_flops()
    first = 2 * 2 * 64 * 15 * 15 * 3 * 11 * 11  # multiply and add, images, channels, places, kernel
    assert flops["conv1"] == flops["pool1"] == first
    assert first < flops["conv2"] < flops["fc8"]


@pytest.mark.parametrize("model", moderate_after(1, ["alexnet", "vgg11", "vgg11_bn"]))
def test_convolutions_are_tapped_before_the_relu(model):
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    names = [name for name in layer_nodes(model) if not name.startswith("pool")]
    net, extractor = filled(model, names)
    modules = dict(net.named_modules())
    with torch.inference_mode():
        outputs = extractor(images)
        alone = modules["features.0"](images)
    assert torch.equal(outputs[names[0]], alone) and (alone < 0).any()
    for before, after in zip(names, names[1:], strict=False):
        if after.startswith("relu"):
            assert torch.equal(outputs[before].relu(), outputs[after])
            assert (outputs[before] < 0).any()
    assert torch.allclose(outputs["prob"], outputs["fc8"].softmax(1))
    assert not extractor.training


@pytest.mark.moderate
def test_functional_relu_does_not_overwrite_either():
    _, extractor = filled("densenet121", ["features.norm5", "relu"])
    with torch.inference_mode():
        outputs = extractor(torch.randn(2, 3, 64, 64))
    assert (outputs["features.norm5"] < 0).any()
    assert torch.equal(outputs["features.norm5"].relu(), outputs["relu"])


def test_prefix_is_the_block_s_output():
    net, extractor = filled("resnet18", ["layer2", "layer4"])
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        x = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        layer2 = net.layer2(net.layer1(x))
        outputs = extractor(images)
    assert torch.equal(outputs["layer2"], layer2)
    assert not any(name.startswith("fc") for name in extractor.state_dict())


@pytest.mark.moderate
def test_train_only_parts_are_left_out():
    names = NetworkSpec.build("googlenet", ["inception4e"]).needed_tensors()
    assert not any(name.startswith("aux") for name in names)
    assert make_model("googlenet").transform_input


@pytest.mark.parametrize(
    "model", moderate_after(1, ["regnet_y_400mf", "swin_t", "efficientnet_b0"])
)
def test_other_families_can_be_cut(model):
    reference = make_model(model)
    node = list(layer_nodes(model))[-1]
    spec = NetworkSpec.build(model, [node])
    state = reference.state_dict()
    extractor = spec.with_weights({name: state[name] for name in spec.needed_tensors()})
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(extractor(images)[node], reference(images), atol=1e-5)


def test_shapes():
    shapes = NetworkSpec.build("vgg19", ["pool1", "pool5", "fc6"]).activation_shapes(224)
    assert shapes == {"pool1": (64, 112, 112), "pool5": (512, 7, 7), "fc6": (4096,)}
    tokens = NetworkSpec.build("vit_b_32", ["encoder.layers.encoder_layer_0"]).activation_shapes(
        224
    )
    assert tokens == {"encoder.layers.encoder_layer_0": (50, 768)}


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((64, 7, 7), 0), ((7, 7, 64), 2), ((7, 7, 7), 0), ((50, 768), 1), ((1000,), 0)],
)
def test_channel_axis(shape, axis):
    assert channel_axis(shape) == axis


@pytest.mark.parametrize(
    ("model", "layer", "size"),
    [("vgg19", "pool5", 16), ("alexnet", "pool5", 32), ("vit_b_32", "encoder", 96)],
)
def test_size_that_the_network_cannot_take(model, layer, size):
    spec = NetworkSpec.build(model, [layer])
    with pytest.raises(UserError, match="frames.size") as error:
        spec.activation_shapes(size)
    assert str(size) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.moderate
def test_node_that_is_no_activation():
    shapes = [node for node in layer_nodes("vit_b_32") if node.startswith("getattr")]
    spec = NetworkSpec.build("vit_b_32", shapes[:1])
    with pytest.raises(UserError, match="no activation"):
        spec.activation_shapes(224)


def test_normalisation_is_torchvision_s():
    assert normalisation("vgg19") == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalisation("efficientnet_v2_l") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_weights_that_do_not_fit_are_refused():
    spec = NetworkSpec.build("alexnet", ["conv1"])
    state = torchvision.models.alexnet().state_dict()
    with pytest.raises(ValueError, match="superfluous"):
        spec.with_weights(state)
    with pytest.raises(ValueError, match="missing"):
        spec.with_weights({"features.0.weight": state["features.0.weight"]})


@pytest.mark.parametrize("model", ["vgg11_bn", "regnet_y_400mf"])
def test_a_spec_stays_without_weights_whatever_is_computed_with_it(model):
    """So it is built once: shapes, operations and weights each get a copy."""
    layer = {"vgg11_bn": "pool1"}.get(model, "stem")
    spec = NetworkSpec.build(model, [layer])
    empty = {name: (one.shape, one.dtype) for name, one in spec.needed_tensors().items()}
    one, other = (torch.full((), value) for value in (1.0, 2.0))
    extractors = [
        spec.with_weights({n: value.to(kind).expand(shape) for n, (shape, kind) in empty.items()})
        for value in (one, other)
    ]
    spec.activation_shapes(64), count_gflop(spec)
    assert all(tensor.is_meta for tensor in spec.needed_tensors().values())
    for extractor, value in zip(extractors, (one, other), strict=True):
        state = extractor.state_dict()
        assert all((state[name] == value).all() for name in empty)
