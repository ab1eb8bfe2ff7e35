"""State dicts in users' files, and the tensors in them that layers need."""

import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from chronovision.errors import UserError
from chronovision.features.networks import NetworkSpec

#: Keys under which checkpoints hold the state dict.
WRAPPERS = ("model_state_dict", "model", "state_dict")

#: Prefixes that wrappers put in front of all names: DataParallel, torch.compile, Lightning.
IN_FRONT = ("module", "_orig_mod", "model")

#: Prefixes in front of the names of a part, such as the `features` of AlexNet and VGG.
INSIDE = ("module", "_orig_mod")

State = dict[str, torch.Tensor]


def read_state_dict(file: Path) -> dict:
    """Read the state dict of a user's file, bare or in a checkpoint, without running code in it.

    Raises
    ------
    UserError
        There is no such file, or it is damaged, holds more than tensors and plain values, or no
        state dict.
    """
    if not os.path.isfile(file):  # False, too, for a name that the system cannot take
        raise UserError(
            f"network.weights: {file} is not a file; give imagenet, untrained, auto or the path "
            "of a state dict"
        )
    try:
        _require_uncompressed(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"network.weights: {file} cannot be read ({error.strerror})") from error
    # A damaged file may fail in any way that the bytes in it lead to.
    except Exception as error:
        raise UserError(
            f"network.weights: {file} was not loaded: it is damaged, or no PyTorch file, or holds "
            "more than tensors (code is never run): save one with "
            "torch.save(model.state_dict(), path)"
        ) from error
    return dict(_unwrapped(state, file))


def _require_uncompressed(file: Path) -> None:
    """Raise ValueError if an archive unpacks to more than its size: PyTorch never compresses."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > file.stat().st_size:
            raise ValueError(f"{file} is compressed and unpacks to {unpacked} bytes")


def _unwrapped(state: object, file: Path) -> Mapping:
    """Return the state dict in what was loaded, at most as deep as there are `WRAPPERS`."""
    for _ in WRAPPERS:
        if not isinstance(state, Mapping):
            break
        inner = [key for key in WRAPPERS if isinstance(state.get(key), Mapping)]
        if len(inner) > 1:
            raise UserError(
                f"network.weights: {file} holds several state dicts ({', '.join(inner)}): save "
                "the one to use with torch.save(checkpoint[key], path)"
            )
        state = state[inner[0]] if inner else state
    if not isinstance(state, Mapping):
        raise UserError(
            f"network.weights: {file} holds a {type(state).__name__}, no state dict: save one "
            "with torch.save(model.state_dict(), path)"
        )
    return state


def select_tensors(state: Mapping, spec: NetworkSpec, where: str) -> State:
    """Return the tensors that the layers need, checked against the network, in its own dtypes.

    DataParallel, torch.compile and Lightning put prefixes into names (``module.``, ``_orig_mod.``,
    ``model.``, ``features.module.``). These are removed if they stand in all names that are needed.

    Parameters
    ----------
    state : mapping
        Name -> tensor, with torchvision's names for the network.
    spec : NetworkSpec
        The network.
    where : str
        Name of the file in messages.

    Raises
    ------
    UserError
        A tensor is missing, ambiguous, of another shape or type, or not finite.
    """
    names: dict[str, list[str]] = {}
    for name in state:
        names.setdefault(_modern_name(_plain(str(name))[0]), []).append(name)
    selected, used = {}, []
    for name, expected in spec.needed_tensors().items():
        found = names.get(name, [])
        if not found:
            raise UserError(_missing(name, state, spec, where))
        if len(found) > 1:
            raise UserError(
                f"{where}: {' and '.join(map(str, found[:2]))} may both be {name}: save the state "
                "dict of one network alone"
            )
        used += found
        _require_fitting(f"{where}: {found[0]}", state[found[0]], expected, name, spec)
        # A copy, because a view would bring the rest of its storage into the file.
        tensor = state[found[0]].detach().to(expected.dtype, copy=True).contiguous()
        if not torch.isfinite(tensor).all():
            raise UserError(f"{where}: {name} holds values that are not finite: it is damaged")
        selected[name] = tensor
    _require_one_wrapping(used, where)
    return selected


def _plain(name: str) -> tuple[str, dict[str, str]]:
    """Return a name without the parts of wrappers, and these parts by the path that they wrap."""
    path: list[str] = []
    wraps: dict[str, str] = {}
    for part in name.split("."):
        if part in (INSIDE if path else IN_FRONT):
            wrapped = ".".join(path)
            wraps[wrapped] = f"{wraps.get(wrapped, '')}{part}."
        else:
            path.append(part)
    return ".".join(path), wraps


def _require_one_wrapping(names: Sequence[str], where: str) -> None:
    """Raise UserError unless a part is wrapped in one way in all names that are in it."""
    seen: dict[str, tuple[str, str]] = {}
    for name in map(str, names):
        plain, wraps = _plain(name)
        parts = plain.split(".")
        for depth in range(len(parts)):
            path = ".".join(parts[:depth])
            wrap, other = seen.setdefault(path, (wraps.get(path, ""), name))
            if wrap != wraps.get(path, ""):
                raise UserError(
                    f"{where}: {other} and {name} do not bear the same prefix, so the file is "
                    "none of one network: save one with torch.save(model.state_dict(), path)"
                )


def _require_fitting(
    what: str,
    tensor: object,
    expected: torch.Tensor,
    name: str,
    spec: NetworkSpec,
) -> None:
    """Raise UserError unless a tensor can take the place of the expected one."""
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        raise UserError(f"{what} is no plain tensor")
    if tensor.device.type != "cpu":  # Those of the device `meta` have a shape and no values.
        raise UserError(f"{what} is no plain tensor")
    if tensor.shape != expected.shape:
        classes = tensor.ndim > 0 and len(tensor) != 1000 == len(expected)
        reason = "the weights are of another network"
        if classes and tensor.shape[1:] == expected.shape[1:]:
            layer = _first_layer(name, spec)
            reason = f"it was trained for {len(tensor)} classes, so leave out layer {layer}"
        raise UserError(
            f"{what} has the shape {tuple(tensor.shape)}, but {spec.model} needs "
            f"{tuple(expected.shape)}: {reason}"
        )
    if tensor.is_quantized or tensor.is_floating_point() != expected.is_floating_point():
        raise UserError(f"{what} holds {tensor.dtype}, not {expected.dtype}")


def _modern_name(name: str) -> str:
    """Return the present name of a tensor in torchvision's older files (DenseNet, transformers)."""
    for part in ("norm", "relu", "conv"):
        for number in (1, 2):
            name = name.replace(f".{part}.{number}.", f".{part}{number}.")
    return name.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3.")


def _missing(name: str, state: Mapping[str, object], spec: NetworkSpec, where: str) -> str:
    plain = [_plain(str(other))[0] for other in state]
    parts = {other.split(".")[0] for other in plain}
    hint = f"weights of another network than {spec.model}?"
    if "features" in parts and "classifier" not in parts:
        hint = "a convolutional base only?"
    prefixes = {other.removesuffix(name) for other in plain if other.endswith(f".{name}")}
    if len(prefixes) == 1 and (prefix := prefixes.pop()).isprintable():
        hint = f"but {prefix}{name}: take {prefix} off its names"
    layer = _first_layer(name, spec)
    return f"{where}: layer {layer} needs {name}, which the file does not hold ({hint})"


def _first_layer(name: str, spec: NetworkSpec) -> str:
    """Return the first of the layers that needs a tensor."""
    alone = ((layer, NetworkSpec.build(spec.model, [layer])) for layer in spec.layers)
    return next(layer for layer, one in alone if name in one.needed_tensors())
