"""Availability of the weights of a run, reported before anything is decoded."""

import os
from collections.abc import Mapping
from pathlib import Path

from chronovision.core.files import read_json
from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.features.networks import NetworkSpec, weights_url
from chronovision.features.weights import hub_file, read_file, ways_out, why_unreachable
from chronovision.features.weights_name import KINDS, weights_name


def describe_weights(
    network: Mapping, spec: NetworkSpec, seed: int, results: str | os.PathLike
) -> str:
    """Return a line on the weights that a run will use.

    Parameters
    ----------
    network : mapping
        The config's ``network``.
    spec : NetworkSpec
        The network that it asks for.
    seed : int
        The config's ``seed``.
    results : path-like
        Results folder, which may hold the weights already.

    Raises
    ------
    UserError
        The user's file lacks tensors that the layers need. Or ImageNet's weights are asked for and
        are neither in torch hub's cache nor can be downloaded.
    """
    model, asked = network["model"], network["weights"]
    name, folder = weights_name(network, seed), Results(results)
    file, facts = folder.weights(weights=name), folder.weights_facts(weights=name)
    if file.exists() and facts.exists():
        return _describe_present(model, asked, file, read_json(facts))
    if asked == "untrained":
        return f"  UNTRAINED network: {model} (network.weights: untrained)"
    if asked not in KINDS:
        read_file(asked, spec)
        return f"  trained network: {model} with the weights of {one_line(asked, SHOWN_PATH)}"
    url = weights_url(model)
    try:
        reason = why_unreachable(url)
    except TimeoutError as error:
        # A slow name server or proxy: too little to refuse a run for.
        return (
            f"  WARNING: {model} with ImageNet weights, but so far {url} gives {error}. The run "
            "waits for it longer, before frames go through the network"
        )
    if reason is None:
        place = hub_file(url) if hub_file(url).exists() else url
        return f"  trained network: {model} with ImageNet weights ({place})"
    told = f"{url} cannot be had ({one_line(reason, SHOWN_PATH)}): {ways_out(url)}"
    if asked == "auto":
        return f"  WARNING: UNTRAINED network: {model}, as {told}"
    raise UserError(f"network.weights: imagenet: {told}")


def _describe_present(model: str, asked: str, file: Path, facts: Mapping) -> str:
    if facts["trained"]:
        return f"  trained network: {model} with the weights in {file}"
    # Weights of another name, hence fetched: those of this name are there, and stay.
    again = "; to try again set network.weights: imagenet" if asked == "auto" else ""
    return f"  UNTRAINED network: {model} (network.weights: {asked}{again})"
