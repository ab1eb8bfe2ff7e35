"""Provenance of outputs: code, config, weights, videos, versions, device and precision.

A provenance record is a plain dict::

    software  {chronovision, commit, dirty, python, <package>: version …}
    videos    {id: {path, sha256, stream, frame_interval_s, …}}
    network   {model, weights, weights_name, weights_sha256, trained, layers, precision, device,
               engine}
    steps     {stage: the slice of the config that the stage used}

Each stage takes the record of its inputs and adds itself with `add_step`. A stage of the whole
set first combines the records of its videos with `merge`. In the record of a set, `software`,
`network` and `steps` hold what is true of all videos. What differs stands with each video under
the same names: where it begins and ends, the device that ran the network, and so on.
"""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any

import h5py

from chronovision import __version__
from chronovision.core.files import read_json, sidecar_path
from chronovision.errors import UserError

#: Folder of the checkout, unless this is an installed package.
PROJECT = Path(__file__).parents[3]

#: Keys that must agree over the videos of a set before their numbers may stand in one table.
COMPARABLE = {
    "network": ("model", "weights_sha256", "layers", "precision"),
    "dump_frames": ("size", "geometry", "every", "fps", "step_s"),
}
#: Parts of a record that hold facts. The keys in them stay with each video even where all agree.
PARTS: dict[str, dict[str, Any]] = {
    "software": {},
    "network": {"device": ..., "engine": ...},
    "steps": {
        "probe_video": {"stream": ...},
        "dump_frames": {"start_s": ..., "end_s": ...},
        "describe_frames": {"start_s": ..., "end_s": ...},
    },
}

#: Files that decide results: code, rules and configs, but not the user's table of videos.
OURS = ("Snakefile", "scripts", "workflow", "config", ":(exclude)config/videos.tsv")


def add_step(record: Mapping, stage: str, config: Mapping, packages: Sequence[str] = ()) -> dict:
    """Return `record` with this stage, its slice of the config and the present software added.

    Parameters
    ----------
    record : mapping
        Provenance of the inputs; ``{}`` for the first stage.
    stage : str
        Name of the rule.
    config : mapping
        Slice of the config that the stage used.
    packages : sequence of str, default ()
        Distributions whose version may affect the result.
    """
    software = combine_software(record.get("software", {}), _software(tuple(packages)))
    steps = {**record.get("steps", {}), stage: dict(config)}
    return {**record, "software": software, "steps": steps}


def combine_software(*used: Mapping) -> dict:
    """Combine versions and commits of several stages or videos, each once, in order of appearance.

    `dirty` is true if it is true of any of them.
    """
    combined: dict = {}
    for name in dict.fromkeys(name for software in used for name in software):
        values = [one[name] for one in used if one.get(name) is not None]
        if name == "dirty":
            combined[name] = any(values) if values else None
        else:
            named = dict.fromkeys(word for value in values for word in str(value).split(", "))
            combined[name] = ", ".join(named) or None
    return combined


def all_software(record: Mapping) -> dict:
    """Return the versions and commits that a set's record names, for the set or its videos."""
    own = (about.get("software", {}) for about in record["videos"].values())
    return combine_software(record["software"], *own)


def join_variants(records: Mapping[str, Mapping]) -> dict:
    """Join the records of one video's tables of several variants into one.

    Parameters
    ----------
    records : mapping of str to mapping
        ``metric.threshold`` -> provenance of that table.

    Returns
    -------
    dict
        Record of the video. A stage that was given different parameters for different variants
        holds them by variant, ``steps[stage][variant]``.
    """
    first = next(iter(records.values()))
    steps = {}
    for stage, told in first["steps"].items():
        each = {variant: record["steps"][stage] for variant, record in records.items()}
        steps[stage] = told if all(one == told for one in each.values()) else each
    software = combine_software(*(record["software"] for record in records.values()))
    return {**first, "software": software, "steps": steps}


def merge(records: Mapping[str, Mapping]) -> dict:
    """Merge the records of all videos of a set, which must be comparable.

    Parameters
    ----------
    records : mapping of str to mapping
        Video id -> provenance of that video's file.

    Returns
    -------
    dict
        Record whose `software`, `network` and `steps` hold what is true of every video. What is
        true of one video alone stands under ``videos[id]``.

    Raises
    ------
    UserError
        The features differ in network, weights, layers or precision, or their frames in size,
        geometry or sampling.
    """
    (first, reference), *others = records.items()
    for video, record in others:
        _require_comparable(first, reference, video, record)
    videos, common = {}, {}
    for video, record in records.items():
        videos[video] = dict(record["videos"][video])
    for part, own in PARTS.items():
        pieces = {video: record.get(part, {}) for video, record in records.items()}
        common[part] = _shared(list(pieces.values()), own)
        for video, piece in pieces.items():
            if rest := _without(piece, common[part]):
                videos[video][part] = rest
    return {**common, "videos": dict(sorted(videos.items()))}


def _require_comparable(first: str, one: Mapping, second: str, other: Mapping) -> None:
    for part, keys in COMPARABLE.items():
        mine, theirs = (
            record["network"] if part == "network" else record["steps"].get(part, {})
            for record in (one, other)
        )
        for key in keys:
            if mine.get(key) != theirs.get(key):
                raise UserError(
                    f"videos {first} and {second} have features of different {key} "
                    f"({mine.get(key)} and {theirs.get(key)}), so they cannot share a table: "
                    "delete the older features/*.h5"
                )


def _shared(pieces: Sequence[Mapping], own: Mapping) -> dict:
    """Return what all dicts have in common, level by level, without the keys in `own`."""
    shared = {}
    for key, value in pieces[0].items():
        values = [piece.get(key, ...) for piece in pieces]
        if all(isinstance(value, Mapping) for value in values):
            shared[key] = _shared(values, own.get(key, {}))
        elif own.get(key) is not ... and all(other == value for other in values):
            shared[key] = value
    return shared


def _without(piece: Mapping, shared: Mapping) -> dict:
    """Return what a dict holds beside the shared part, level by level."""
    rest = {}
    for key, value in piece.items():
        if isinstance(value, Mapping):
            value = _without(value, shared.get(key, {}))
            if value:
                rest[key] = value
        elif key not in shared:
            rest[key] = value
    return rest


def read_provenance(path: str | PathLike) -> dict:
    """Read the provenance of a file of this package: an HDF5 attribute, or the table's sidecar.

    Raises
    ------
    UserError
        The file carries no provenance.
    """
    path = Path(path)
    if path.suffix == ".tsv":
        return read_json(sidecar_path(path))["provenance"]
    with h5py.File(path, "r") as file:
        if "provenance" not in file.attrs:
            raise UserError(f"{path}: no provenance in it, so it was not made by Chronovision")
        return json.loads(file.attrs["provenance"])


@cache
def _software(packages: tuple[str, ...]) -> dict:
    return {
        "chronovision": __version__,
        **_git_state(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def _git_state() -> dict:
    """Commit, and whether the code or the settings shipped with it differ from it.

    Both None outside a git checkout of ours.
    """

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(PROJECT), *words], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "scripts/chronovision/__init__.py") is None:
        return {"commit": None, "dirty": None}
    status = git("status", "--porcelain", "--untracked-files=no", "--", *OURS)
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(status)}
