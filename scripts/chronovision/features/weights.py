"""Weights of the network: torchvision's, those of a user's file, or of an untrained network."""

import hashlib
import logging
import os
import pickle
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch

from chronovision.core.files import atomic_file, write_json
from chronovision.core.seeds import derive_rng
from chronovision.errors import UserError
from chronovision.features.network_hints import asked_network
from chronovision.features.networks import NetworkSpec, make_model, weights_url
from chronovision.features.operations import count_gflop
from chronovision.features.state_dicts import State, read_state_dict, select_tensors

log = logging.getLogger(__name__)

#: Longest silence of a server in seconds before a download is given up.
TIMEOUT_S = 30.0

#: Longest time in seconds that a server has to answer, before a run, whether it has a file.
ANSWER_S = 5.0


def fetch_weights(
    network: Mapping, seed: int, output_pth: str | os.PathLike, output_json: str | os.PathLike
) -> None:
    """Write the weights that the asked layers need, and a description of them.

    Parameters
    ----------
    network : mapping
        The config's ``network``: `model`, `layers` and `weights` are read. `weights` is
        ``imagenet`` (torchvision's default weights, from torch hub's cache or its address),
        ``untrained`` (torchvision's initialisation, the same tensors whichever layers are asked
        for), ``auto`` (imagenet if possible, else untrained with a warning), or the path of a state
        dict.
    seed : int
        The config's ``seed``, for untrained weights.
    output_pth : path-like
        State dict of the needed tensors, in the network's own dtypes. `num_batches_tracked`, which
        evaluation does not use, is left out.
    output_json : path-like
        Description: `model`, `asked`, `source` (imagenet, untrained or file), `trained`, `origin`
        (address or path), `reason` (why ``auto`` fell back on an untrained network), `seed` (of
        untrained weights), `sha256` (`tensors_digest`) and `gflop` (of the layers, see
        `chronovision.features.operations.count_gflop`). It has no versions, so that the same
        tensors give the same bytes.

    Raises
    ------
    UserError
        The network or a layer is unknown, weights cannot be downloaded, or `read_file` refuses a
        file.
    """
    spec, asked = asked_network(network), network["weights"]
    state, facts = _obtain(asked, spec, seed)
    digest = tensors_digest(state)
    with atomic_file(output_pth) as part, part.open("wb") as file:
        # Through a file object, because a path's name would become part of the contents.
        torch.save(state, file)
    trained = facts["source"] != "untrained"
    facts = {"model": spec.model, **facts, "asked": asked, "trained": trained, "sha256": digest}
    facts["gflop"] = count_gflop(spec)
    write_json(output_json, facts)
    log.info(
        "%s: %s weights, %d tensors, sha256 %s", spec.model, facts["source"], len(state), digest
    )


def tensors_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names (sorted), dtypes, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def read_file(asked: str, spec: NetworkSpec) -> State:
    """Read the tensors that the layers need from a user's file.

    Raises
    ------
    UserError
        The file is missing, damaged, no state dict or of another network. It lacks a tensor that a
        layer needs, or holds values that are not finite.
    """
    state = read_state_dict(Path(os.path.expanduser(asked)))
    return select_tensors(state, spec, f"network.weights: {asked}")


def why_unreachable(url: str) -> str | None:
    """Return why torchvision's weights cannot be had; None if they can. Nothing is downloaded.

    The answer takes at most `ANSWER_S`, and the time to read a file in torch hub's cache.

    Raises
    ------
    TimeoutError
        There was no answer in time. A download, which waits longer, may still succeed.
    """
    file = hub_file(url)
    if file.exists():
        try:
            _check_hash(file)
        except (OSError, RuntimeError) as error:
            return str(error)
        return None
    answers: list[str | None] = []
    # A thread, because nothing else ends the search for a server's address in time.
    asking = threading.Thread(target=lambda: answers.append(_refusal(url)), daemon=True)
    asking.start()
    asking.join(ANSWER_S)
    if not answers:
        raise TimeoutError(f"no answer within {ANSWER_S:g} s")
    return answers[0]


def _refusal(url: str) -> str | None:
    """Return why a server does not begin to send a file, if asked as torch hub does."""
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            return None
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def hub_file(url: str) -> Path:
    """Return where torch hub keeps, and looks for, the file of an address."""
    return Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)


def ways_out(url: str) -> str:
    """Return advice for the case that torchvision's weights cannot be had."""
    return (
        f"put that file at {hub_file(url)} by hand, or set network.weights to a file of yours, to "
        "untrained, or to auto"
    )


def _obtain(asked: str, spec: NetworkSpec, seed: int) -> tuple[State, dict]:
    """Return tensors that the layers need, and the facts `source`, `origin`, `reason`, `seed`."""
    reason = None
    if asked in ("imagenet", "auto"):
        url = weights_url(spec.model)
        try:
            state = select_tensors(_download(url), spec, f"the file of {url}")
            return state, {"source": "imagenet", "origin": url, "reason": None, "seed": None}
        except UserError as error:
            if asked == "imagenet":
                raise
            reason = str(error)
            log.warning("%s is used UNTRAINED, because %s", spec.model, reason)
    if asked in ("untrained", "auto"):
        state = select_tensors(_untrained(spec.model, seed), spec, "torchvision's network")
        return state, {"source": "untrained", "origin": None, "reason": reason, "seed": seed}
    facts = {"source": "file", "origin": str(asked), "reason": None, "seed": None}
    return read_file(asked, spec), facts


def _untrained(model: str, seed: int) -> State:
    """Initialise the whole network, so that no tensor depends on which layers are asked for."""
    with torch.random.fork_rng(devices=[]):
        draws = derive_rng(seed, "weights", model)
        torch.default_generator.manual_seed(int(draws.integers(2**63)))
        return make_model(model).state_dict()


def _download(url: str) -> State:
    """Return the state dict from torch hub's cache or from `url`, with its hash checked."""
    file = hub_file(url)
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
        reason = str(error) or type(error).__name__
        raise UserError(f"the weights {url} cannot be had ({reason}): {ways_out(url)}") from error


def _check_hash(file: Path) -> None:
    """Raise RuntimeError unless a file has the hash that torchvision puts into its name."""
    expected = torch.hub.HASH_REGEX.search(file.name)
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if expected and not found.startswith(expected.group(1)):
        raise RuntimeError(f"{file} is damaged, its SHA-256 is {found}: delete it")


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Set a timeout, as torch hub sets none and would wait forever for a silent server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
