"""Hints for layer names of other tools: what they are called here."""

from collections.abc import Mapping

from chronovision.errors import UserError
from chronovision.features.networks import FIELD_NAMED, NetworkSpec, UnknownLayer


def asked_network(network: Mapping) -> NetworkSpec:
    """Return the network of a config section; a wrong name gets a hint at the right one.

    Raises
    ------
    UserError
        The model or a layer is unknown, or a layer is asked for twice.
    """
    try:
        return NetworkSpec.build(network["model"], network["layers"])
    except UnknownLayer as error:
        hint = _name_elsewhere(error.layer, network["model"], error.known)
        if not hint:
            raise
        raise UserError(f"{error.complaint}; {hint}") from None


def _name_elsewhere(layer: str, model: str, known: Mapping[str, str]) -> str:
    """Say what a name of torchvision's or Keras's is called here; empty if it is neither."""
    if not FIELD_NAMED.fullmatch(model):
        last = list(known)[-1]
        ends = layer in ("softmax", "prob", "predictions")
        return f"it has no softmax and ends with {last}" if ends else ""
    called = {node: name for name, node in known.items()}
    called |= {"softmax": "prob", "predictions": "prob", "classifier": "prob"}
    # Keras's layers hold the ReLU that follows them.
    called |= {"features": "pool5", "fc1": "relu6", "fc2": "relu7"}
    for name in known:
        if name.startswith("relu") and "_" in name:
            called["block{}_conv{}".format(*name.removeprefix("relu").split("_"))] = name
        elif name.startswith("pool"):
            called[f"block{name.removeprefix('pool')}_pool"] = name
    if layer in called:
        return f"it is called {called[layer]} here"
    if layer in ("avgpool", "flatten"):
        return "it only brings pool5 to the size that fc6 takes: ask for pool5"
    part, _, number = layer.partition(".")
    if part == "classifier" and number.isdecimal() and f"{part}.{int(number) + 1}" in called:
        before = called.get(f"{part}.{int(number) - 1}", "pool5")
        return f"dropout changes nothing here: ask for {before}"
    return ""
