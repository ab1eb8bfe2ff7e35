"""Getting the network's weights: torchvision's, a user's file, or an untrained network."""

import hashlib
import logging
import os
import pickle
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch

from chronovision.errors import UserError
from chronovision.networks import (
    build_extractor,
    check_network,
    make_model,
    needed_tensors,
    weights_url,
)
from chronovision.provenance import add_step
from chronovision.seeds import derive_rng
from chronovision.store import whole_file, write_json

log = logging.getLogger(__name__)

#: Longest silence of a server before a download is given up.
TIMEOUT_S = 30.0

State = dict[str, torch.Tensor]


def fetch_weights(
    network: Mapping, seed: int, output_pth: str | os.PathLike, output_json: str | os.PathLike
) -> None:
    """Write the weights that the asked layers need, and what they are.

    Parameters
    ----------
    network : the config's section; `model`, `layers` and `weights` count. `weights` is
        ``imagenet`` (torchvision's default weights, from torch hub's cache or its address),
        ``untrained`` (torchvision's initialisation, the same tensors whichever layers are
        asked for), ``auto`` (imagenet if it can be had, else untrained with a warning), or
        the path of a state dict.
    seed : the config's seed, for ``untrained``.
    output_pth : state dict with just the tensors needed, in the network's own dtypes
        (`num_batches_tracked`, which evaluation does not use, is left out).
    output_json : ``{model, source, asked, trained, sha256, origin, reason, software}``; `source` is
        imagenet, untrained or file, `sha256` that of `tensors_digest`, `origin` the address or
        path, `reason` why ``auto`` fell back on an untrained network.

    Raises
    ------
    UserError : unknown network or layer; weights that cannot be downloaded; a file that is
        missing, damaged, no state dict, of another network or without a tensor that a layer
        needs, or with values that are not finite.
    """
    check_network(network)
    model, asked = network["model"], network["weights"]
    state, facts = _obtain(asked, model, network["layers"], seed)
    digest = tensors_digest(state)
    with whole_file(output_pth) as part, part.open("wb") as file:
        # Through a file object, because a path's name would become part of the contents.
        torch.save(state, file)
    trained = facts["source"] != "untrained"
    facts = {"model": model, **facts, "asked": asked, "trained": trained, "sha256": digest}
    software = add_step({}, "fetch_weights", {}, ["torch", "torchvision"])["software"]
    write_json(output_json, {**facts, "software": software})
    log.info("%s: %s weights, %d tensors, sha256 %s", model, facts["source"], len(state), digest)


def tensors_digest(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over the names (sorted), dtypes, shapes and bytes of tensors; hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def _obtain(asked: str, model: str, layers: Sequence[str], seed: int) -> tuple[State, dict]:
    """Tensors that the layers need, and the facts `source`, `origin`, `reason`."""
    reason = None
    if asked in ("imagenet", "auto"):
        url = weights_url(model)
        try:
            state = _select(_download(url), model, layers, f"the file of {url}")
            return state, {"source": "imagenet", "origin": url, "reason": None}
        except UserError as error:
            if asked == "imagenet":
                raise
            reason = str(error)
            log.warning("%s is used UNTRAINED, because %s", model, reason)
    if asked in ("untrained", "auto"):
        state = _select(_untrained(model, seed), model, layers, "torchvision's network")
        return state, {"source": "untrained", "origin": None, "reason": reason}
    state = _select(
        _read(Path(os.path.expanduser(asked))), model, layers, f"network.weights: {asked}"
    )
    return state, {"source": "file", "origin": str(asked), "reason": None}


def _untrained(model: str, seed: int) -> State:
    """The whole network's initialisation, so that no tensor depends on the layers asked for."""
    with torch.random.fork_rng(devices=[]):
        draws = derive_rng(seed, "weights", model)
        torch.default_generator.manual_seed(int(draws.integers(2**63)))
        return make_model(model).state_dict()


def _download(url: str) -> State:
    """State dict from torch hub's cache or from `url`, its hash checked in either case."""
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    try:
        if file.exists():
            _check_hash(file)
        with _socket_timeout(TIMEOUT_S):
            return torch.hub.load_state_dict_from_url(
                url,
                map_location="cpu",
                progress=sys.stderr.isatty(),
                check_hash=True,
                weights_only=True,
            )
    except (OSError, HTTPException, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            f"the weights {url} cannot be had ({error or type(error).__name__}): put that file "
            f"at {file} by hand, or name a file of yours in network.weights"
        ) from error


def _check_hash(file: Path) -> None:
    """Compare with the digits that torchvision puts into the file's name, as torch hub does."""
    expected = torch.hub.HASH_REGEX.search(file.name)
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if expected and not found.startswith(expected.group(1)):
        raise RuntimeError(f"{file} is damaged, its SHA-256 is {found}: delete it")


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Torch hub sets no timeout of its own, and would wait forever for a silent server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read(file: Path) -> State:
    """State dict of a user's file, bare or under the key `state_dict`; no code in it is run."""
    if not os.path.isfile(file):  # False, too, for a name that the system cannot take
        raise UserError(
            f"network.weights: {file} is not a file; give imagenet, untrained, auto or the path "
            "of a state dict"
        )
    try:
        _refuse_bomb(file)
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
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise UserError(
            f"network.weights: {file} holds a {type(state).__name__}, no state dict: save one "
            "with torch.save(model.state_dict(), path)"
        )
    return dict(state)


def _refuse_bomb(file: Path) -> None:
    """Raise ValueError if an archive unpacks to more than its size: PyTorch never compresses."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > file.stat().st_size:
            raise ValueError(f"{file} is compressed and unpacks to {unpacked} bytes")


def _select(state: State, model: str, layers: Sequence[str], where: str) -> State:
    """The tensors that the layers need, checked against the network."""
    state = {_modern_name(name): tensor for name, tensor in state.items()}
    selected = {}
    for name, expected in needed_tensors(build_extractor(model, layers)).items():
        if name not in state:
            raise UserError(_missing(name, state, model, layers, where))
        tensor = state[name]
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        # Tensors of the device `meta` have a shape and no values.
        if not plain or tensor.device.type != "cpu":
            raise UserError(f"{where}: {name} is no plain tensor")
        if tensor.shape != expected.shape:
            raise UserError(
                f"{where}: {name} has the shape {tuple(tensor.shape)}, but {model} needs "
                f"{tuple(expected.shape)}: the weights are of another network"
            )
        if tensor.is_quantized or tensor.is_floating_point() != expected.is_floating_point():
            raise UserError(f"{where}: {name} holds {tensor.dtype}, not {expected.dtype}")
        # A copy, because a view would bring the rest of its storage into the file.
        tensor = tensor.detach().to(expected.dtype, copy=True).contiguous()
        if not torch.isfinite(tensor).all():
            raise UserError(f"{where}: {name} holds values that are not finite: it is damaged")
        selected[name] = tensor
    return selected


def _modern_name(name: object) -> str:
    """Present name of a tensor in torchvision's older files (DenseNet, vision transformers)."""
    name = str(name)
    for part in ("norm", "relu", "conv"):
        for number in (1, 2):
            name = name.replace(f".{part}.{number}.", f".{part}{number}.")
    return name.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3.")


def _missing(name: str, state: State, model: str, layers: Sequence[str], where: str) -> str:
    layer = next(one for one in layers if name in needed_tensors(build_extractor(model, [one])))
    parts = {other.split(".")[0] for other in state}
    base_only = "features" in parts and "classifier" not in parts
    hint = (
        "a convolutional base only?" if base_only else f"weights of another network than {model}?"
    )
    return f"{where}: layer {layer} needs {name}, which the file does not hold ({hint})"
