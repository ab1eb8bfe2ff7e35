"""The networks: names of their layers, and the part of a network that some layers need."""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from chronovision.core.messages import nearest_names
from chronovision.errors import UserError

#: Networks whose layers have the field's names. All others have torchvision's node names.
FIELD_NAMED = re.compile(r"alexnet|vgg\d+(_bn)?")

#: Possible numbers of dimensions of an activation: (B, C), (B, T, C), (B, C, H, W).
ACTIVATION_DIMS = (2, 3, 4)


class UnknownLayer(UserError):
    """A network has no layer of this name; `chronovision.features.network_hints` may give hints.

    Parameters
    ----------
    model : str
        Name of the network.
    layer : str
        Name of the unknown layer.
    known : mapping of str to str
        Layers of the network, see `layer_nodes`.
    """

    def __init__(self, model: str, layer: str, known: Mapping[str, str]) -> None:
        """Compose the message, with the nearest names."""
        self.layer, self.known = layer, known
        self.complaint = f"network.layers: {model} has no layer '{layer}'"
        super().__init__(
            f"{self.complaint}; nearest: {nearest_names(layer, _with_prefixes(known))}"
        )


def make_model(model: str) -> nn.Module:
    """Return one of torchvision's classification models, in eval mode, with fresh weights.

    It differs from torchvision's in some things that its parameters do not show. No operation works
    in place, as a tapped layer would be overwritten. The classifier of VGG and AlexNet ends in a
    softmax (``prob``). Inputs are those of the model's default weights: see `normalisation`, the
    image size of vision transformers, and `transform_input` of GoogLeNet and Inception.

    Raises
    ------
    UserError
        torchvision has no such model (key ``network.model``).
    """
    known = torchvision.models.list_models(module=torchvision.models)
    if model not in known:
        raise UserError(
            f"network.model: torchvision has no classification model '{model}'; "
            f"nearest: {nearest_names(model, known)}"
        )
    options = {"image_size": native_size(model)} if model.startswith("vit_") else {}
    net = torchvision.models.get_model(model, weights=None, **options)
    if hasattr(net, "transform_input"):
        net.transform_input = True
    if FIELD_NAMED.fullmatch(model):
        net.classifier.append(nn.Softmax(dim=1))
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return net.eval()


def layer_nodes(model: str) -> dict[str, str]:
    """Map each layer's name to its node of torchvision's feature extraction, in order of depth.

    VGG: ``conv1_1 (bn1_1) relu1_1 … pool1 … pool5 fc6 relu6 fc7 relu7 fc8 prob``. AlexNet:
    ``conv1 relu1 pool1 conv2 relu2 pool2 conv3 … relu5 pool5 fc6 … prob``. Convolutions and fully
    connected layers are their linear outputs, before the ReLU. Any other model has the nodes of its
    eval graph, by their own names.

    Parameters
    ----------
    model : str
        torchvision's name of the network.

    Returns
    -------
    dict of str to str

    Raises
    ------
    UserError
        torchvision has no such model.
    """
    return _layer_nodes(model, _skeleton(model))


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """A network without weights, as far as the asked layers need it; built once in a job.

    Attributes
    ----------
    model : str
        torchvision's name of the network.
    layers : tuple of str
        Names as in `layer_nodes`. In networks without field names a prefix of nodes (``layer4``)
        stands for the last of them.
    skeleton : torch.fx.GraphModule
        Module from images (B, 3, H, W) to a dict layer -> activation, in eval mode. It ends at the
        deepest layer. Its parameters are on the device ``meta`` and hold nothing. It is never
        changed: computations use copies of it.
    """

    model: str
    layers: tuple[str, ...]
    skeleton: torch.fx.GraphModule

    @classmethod
    def build(cls, model: str, layers: Sequence[str]) -> "NetworkSpec":
        """Build the part of a network that the layers need.

        Raises
        ------
        UserError
            The model or a layer is unknown (the message has the nearest names), or a layer is asked
            for twice.
        """
        net, nodes = _resolve(model, layers)
        entry = get_graph_node_names(net, suppress_diff_warning=True)[0][0]
        extractor = create_feature_extractor(
            net,
            # Only eval nodes count, so that nothing of the train graph keeps its parameters.
            train_return_nodes={entry: entry},
            eval_return_nodes={node: layer for layer, node in nodes.items()},
            suppress_diff_warning=True,
        )
        for node in extractor.graph.nodes:
            if node.kwargs.get("inplace"):
                node.update_kwarg("inplace", False)
        # Of the graph for evaluation alone: torchvision's module with both cannot be copied.
        skeleton = torch.fx.GraphModule(extractor, extractor.graph).eval()
        on_meta = {name: tensor.to("meta") for name, tensor in _needed_tensors(skeleton).items()}
        skeleton.load_state_dict(on_meta, strict=False, assign=True)
        return cls(model, tuple(layers), skeleton)

    def needed_tensors(self) -> dict[str, torch.Tensor]:
        """Names of the weights that the layers need -> tensors of their shape and dtype.

        Batch normalisation's running mean and variance are among them; its count of batches, which
        evaluation does not use, and constants of the graph are not.
        """
        return _needed_tensors(self.skeleton)

    def with_weights(self, state: Mapping[str, torch.Tensor]) -> torch.fx.GraphModule:
        """Return a copy of the skeleton with weights: the `needed_tensors`, and no others.

        Raises
        ------
        ValueError
            A tensor is missing, superfluous or of another shape.
        """
        extractor = copy.deepcopy(self.skeleton)
        try:
            result = extractor.load_state_dict(state, strict=False, assign=True)
        except RuntimeError as error:
            raise ValueError(_first_line(error)) from error
        wrong = [name for name in result.missing_keys if not _is_incidental(name)]
        wrong += result.unexpected_keys
        if wrong:
            raise ValueError(f"missing or superfluous tensors: {', '.join(wrong)}")
        return extractor

    def without_data(self) -> torch.fx.GraphModule:
        """Return a copy of the skeleton with all parameters and tensors on the device ``meta``."""
        return copy.deepcopy(self.skeleton).to("meta")

    def activation_shapes(self, size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each layer's activation of a `size` × `size` image, without data.

        Returns
        -------
        dict of str to tuple of int
            Layer -> (C,), (T, C) or (C, H, W), in the order of `layers`; (H, W, C) in networks with
            channels last.

        Raises
        ------
        UserError
            The network cannot take images of that size (pooled to nothing, or a fixed size), or a
            layer is no activation (a shape or an index of the graph).
        """
        try:
            with torch.inference_mode():
                outputs = self.without_data()(torch.empty((2, 3, size, size), device="meta"))
        except (RuntimeError, AssertionError, ValueError) as error:
            raise UserError(
                f"frames.size: {self.model} cannot take images of {size} × {size} pixels as far as "
                f"network.layers {', '.join(self.layers)} ({_first_line(error)}): choose another "
                "size or shallower layers"
            ) from error
        return {layer: self._shape(layer, outputs[layer]) for layer in self.layers}

    def _shape(self, layer: str, output: Any) -> tuple[int, ...]:
        """Return the shape of one of two images' activations; UserError if it is no activation."""
        usable = isinstance(output, torch.Tensor) and output.is_floating_point()
        if not usable or output.ndim not in ACTIVATION_DIMS or len(output) != 2:
            raise UserError(
                f"network.layers: '{layer}' of {self.model} is no activation with 1 to 3 "
                "dimensions per image: choose another layer"
            )
        return tuple(output.shape[1:])


def _needed_tensors(extractor: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: tensor for name, tensor in extractor.state_dict().items() if not _is_incidental(name)
    }


def native_size(model: str) -> int:
    """Return the side of the pictures that a vision transformer takes; 224 for other networks."""
    return min(_default_weights(model).meta["min_size"]) if model.startswith("vit_") else 224


def channel_axis(shape: Sequence[int]) -> int:
    """Axis of the channels in an activation of one image (see `NetworkSpec.activation_shapes`).

    The last one of (C,) and (T, C). Images are square, so three dimensions are (H, W, C) if
    the first two alone are equal (Swin's blocks), else (C, H, W).
    """
    if len(shape) < 3 or shape[0] == shape[1] != shape[2]:
        return len(shape) - 1
    return 0


def normalisation(model: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and s.d. per RGB channel (0–1) that the model's default weights expect."""
    transforms = _default_weights(model).transforms()
    return tuple(transforms.mean), tuple(transforms.std)


def weights_url(model: str) -> str:
    """Return the address of torchvision's default (ImageNet) weights of a model.

    Parameters
    ----------
    model : str
        torchvision's name of the model, e.g. ``vgg19``.
    """
    return _default_weights(model).url


def _default_weights(model: str) -> torchvision.models.WeightsEnum:
    return torchvision.models.get_model_weights(model).DEFAULT


def _skeleton(model: str) -> nn.Module:
    """Return the network to read its structure from, without memory for its weights if possible."""
    # RegNet computes its widths, and MaxViT constants of its graph, with tensors.
    device = "cpu" if model.startswith(("regnet_", "maxvit_")) else "meta"
    with torch.random.fork_rng(devices=[]), torch.device(device):
        return make_model(model)


def _is_incidental(name: str) -> bool:
    return name.endswith("num_batches_tracked") or name.startswith("_tensor_constant")


def _resolve(model: str, layers: Sequence[str]) -> tuple[nn.Module, dict[str, str]]:
    """Return the network without weights, and the node of each asked layer."""
    net = _skeleton(model)
    known = _layer_nodes(model, net)
    if not layers:
        raise UserError("network.layers: no layer named")
    nodes: dict[str, str] = {}
    for layer in layers:
        inside = [node for name, node in known.items() if name.startswith(f"{layer}.")]
        if layer not in known and (not inside or FIELD_NAMED.fullmatch(model)):
            raise UnknownLayer(model, layer, known)
        node = known[layer] if layer in known else inside[-1]
        if node in nodes.values():
            raise UserError(f"network.layers: '{layer}' is asked for twice: name it once")
        nodes[layer] = node
    return net, nodes


def _layer_nodes(model: str, net: nn.Module) -> dict[str, str]:
    if FIELD_NAMED.fullmatch(model):
        return _field_names(net, blocks=model != "alexnet")
    return {node: node for node in get_graph_node_names(net, suppress_diff_warning=True)[1]}


def _field_names(net: nn.Module, *, blocks: bool) -> dict[str, str]:
    """Return names by kind and place: block and number in it (VGG), or only a number (AlexNet)."""
    kinds = {nn.Conv2d: "conv", nn.BatchNorm2d: "bn", nn.ReLU: "relu", nn.MaxPool2d: "pool"}
    nodes: dict[str, str] = {}
    block, number = 1, 0
    for index, module in enumerate(net.features):
        kind = kinds[type(module)]
        number += kind == "conv"
        place = f"{block}_{number}" if blocks and kind != "pool" else str(number)
        if blocks and kind == "pool":
            place, block, number = str(block), block + 1, 0
        nodes[f"{kind}{place}"] = f"features.{index}"
    number = 5
    for index, module in enumerate(net.classifier):
        node = f"classifier.{index}"
        if isinstance(module, nn.Linear):
            number += 1
            nodes[f"fc{number}"] = node
        elif isinstance(module, nn.ReLU):
            nodes[f"relu{number}"] = node
        elif isinstance(module, nn.Softmax):
            nodes["prob"] = node
    return nodes


def _with_prefixes(names: Iterable[str]) -> list[str]:
    parts = (name.split(".") for name in names)
    return sorted({".".join(part[: i + 1]) for part in parts for i in range(len(part))})


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
