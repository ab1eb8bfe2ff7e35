"""Getting the network's weights: torchvision's, a user's file, or an untrained network."""

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

#: Longest silence of a server before a download is given up.
TIMEOUT_S = 30.0

#: Time that a server has to show, before a run, whether it has a file.
ANSWER_S = 5.0


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
    seed : the config's seed, for untrained weights.
    output_pth : state dict with just the tensors needed, in the network's own dtypes
        (`num_batches_tracked`, which evaluation does not use, is left out).
    output_json : what they are: `model`, `asked`, `source` (imagenet, untrained or file),
        `trained`, `origin` (address or path), `reason` (why ``auto`` fell back on an untrained
        network), `seed` (of untrained weights), `sha256` (`tensors_digest`), `gflop`
        (`chronovision.features.operations.count_gflop` of the layers). Nothing else,
        such as versions: the same tensors for the same wish are to give the same bytes.

    Raises
    ------
    UserError : unknown network or layer; weights that cannot be downloaded; a file that
        `read_file` refuses.
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
    """SHA-256 over the names (sorted), dtypes, shapes and bytes of tensors; hexadecimal."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def read_file(asked: str, spec: NetworkSpec) -> State:
    """The tensors that the layers need, from a user's file.

    Raises
    ------
    UserError : the file is missing, damaged, no state dict, of another network or without a
        tensor that a layer needs, or holds values that are not finite.
    """
    state = read_state_dict(Path(os.path.expanduser(asked)))
    return select_tensors(state, spec, f"network.weights: {asked}")


def why_unreachable(url: str) -> str | None:
    """Why torchvision's weights cannot be had, asked without downloading them; None if they can.

    The answer takes no longer than `ANSWER_S`, and the time to read a file in torch hub's cache.

    Raises
    ------
    TimeoutError : no answer by then. A download, which waits for longer, may still succeed.
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
    """Why a server does not begin to send a file, asked as torch hub will."""
    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            return None
    except (OSError, HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def hub_file(url: str) -> Path:
    """Where torch hub keeps, and looks for, the file of an address."""
    return Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)


def ways_out(url: str) -> str:
    """What to do if torchvision's weights cannot be had."""
    return (
        f"put that file at {hub_file(url)} by hand, or set network.weights to a file of yours, to "
        "untrained, or to auto"
    )


def _obtain(asked: str, spec: NetworkSpec, seed: int) -> tuple[State, dict]:
    """Tensors that the layers need, and the facts `source`, `origin`, `reason`, `seed`."""
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
    """The whole network's initialisation, so that no tensor depends on the layers asked for."""
    with torch.random.fork_rng(devices=[]):
        draws = derive_rng(seed, "weights", model)
        torch.default_generator.manual_seed(int(draws.integers(2**63)))
        return make_model(model).state_dict()


def _download(url: str) -> State:
    """State dict from torch hub's cache or from `url`, its hash checked in either case."""
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
    """Raise RuntimeError unless a file has the digits that torchvision puts into its name."""
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
