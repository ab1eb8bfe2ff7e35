"""What made an output: code, config, weights, videos, versions, device and precision.

A provenance record is a plain dict::

    software  {chronovision, commit, dirty, python, <package>: version …}
    videos    {id: {path, sha256, stream, frame_interval_s, …}}
    network   {model, weights, weights_name, weights_sha256, trained, layers, precision, device,
               engine}
    steps     {stage: the slice of the config that the stage used}

Each stage takes its inputs' record and adds itself with `add_step`; set-wide stages
first bring their videos' records together with `merge`. In the record of a set `software`,
`network` and `steps` hold what is true of all of its videos, and each video has the rest under
the same names: where it begins and ends, the device that ran the network, and whatever else
differs.
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

#: The checkout, unless this is an installed package.
PROJECT = Path(__file__).parents[3]

#: What must agree over the videos of a set before their numbers may stand in one table.
COMPARABLE = {
    "network": ("model", "weights_sha256", "layers", "precision"),
    "dump_frames": ("size", "geometry", "every", "fps", "step_s"),
}
#: Parts of a record that hold facts, and what in them is each video's own even where all agree.
PARTS: dict[str, dict[str, Any]] = {
    "software": {},
    "network": {"device": ..., "engine": ...},
    "steps": {
        "probe_video": {"stream": ...},
        "dump_frames": {"start_s": ..., "end_s": ...},
        "describe_frames": {"start_s": ..., "end_s": ...},
    },
}

#: What decides results: code, rules, schema, and the settings; not the user's table of videos.
OURS = ("Snakefile", "scripts", "workflow", "config", ":(exclude)config/videos.tsv")


def add_step(record: Mapping, stage: str, config: Mapping, packages: Sequence[str] = ()) -> dict:
    """`record` with this stage, its slice of the config and the present software added.

    Parameters
    ----------
    record : provenance of the inputs, ``{}`` at the start.
    stage : name of the rule.
    config : what the stage was told.
    packages : distributions whose version bears on the result.
    """
    software = combine_software(record.get("software", {}), _software(tuple(packages)))
    steps = {**record.get("steps", {}), stage: dict(config)}
    return {**record, "software": software, "steps": steps}


def combine_software(*used: Mapping) -> dict:
    """Versions and commits of several stages or videos: each that was used, in their order.

    `dirty` is true if it was of any of them.
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
    """Versions and commits that a set's record names, for the set or for any of its videos."""
    own = (about.get("software", {}) for about in record["videos"].values())
    return combine_software(record["software"], *own)


def join_variants(records: Mapping[str, Mapping]) -> dict:
    """One record of one video for its tables of several variants.

    Parameters
    ----------
    records : ``metric.threshold`` -> provenance of the video's table.

    Returns
    -------
    Record in whose `steps` a stage that was told different things stands once for each variant:
    ``{stage: {variant: what it was told}}``.
    """
    first = next(iter(records.values()))
    steps = {}
    for stage, told in first["steps"].items():
        each = {variant: record["steps"][stage] for variant, record in records.items()}
        steps[stage] = told if all(one == told for one in each.values()) else each
    software = combine_software(*(record["software"] for record in records.values()))
    return {**first, "software": software, "steps": steps}


def merge(records: Mapping[str, Mapping]) -> dict:
    """One record for a set of videos, or a refusal when their features are not comparable.

    Parameters
    ----------
    records : video id -> provenance of that video's file.

    Returns
    -------
    Record whose `software`, `network` and `steps` hold what is true of every video; what is of
    one video alone stands under ``videos[id]``.

    Raises
    ------
    UserError : the features differ in network, weights, layers or precision, or their frames in
        size, geometry or sampling.
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
    """What all dicts hold alike, level by level, without the keys that `own` leaves to each."""
    shared = {}
    for key, value in pieces[0].items():
        values = [piece.get(key, ...) for piece in pieces]
        if all(isinstance(value, Mapping) for value in values):
            shared[key] = _shared(values, own.get(key, {}))
        elif own.get(key) is not ... and all(other == value for other in values):
            shared[key] = value
    return shared


def _without(piece: Mapping, shared: Mapping) -> dict:
    """What a dict holds beside the shared part, level by level."""
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
    """Provenance of a file made by this package: HDF5 attribute, or the table's sidecar.

    Raises
    ------
    UserError : the file carries none.
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
