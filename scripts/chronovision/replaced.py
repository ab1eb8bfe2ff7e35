"""What a run would make anew in its results folder because the settings are others by now."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from chronovision.config_slices import decoding_settings, feature_settings, weight_settings
from chronovision.errors import UserError
from chronovision.results_folder import unused_folder
from chronovision.settings import one_line
from chronovision.store import read_provenance
from chronovision.survey_costs import describe_time
from chronovision.video_table import Video
from chronovision.weights_name import KINDS, weights_name

#: What older features do not record, so that it is compared where it is known only.
MAY_BE_UNKNOWN = ("seed", "strict")


def deciding_settings(config: Mapping) -> dict:
    """Keys of the config that decide features, as a user writes them: ``frames.fps`` …."""
    network = {**feature_settings(config), **weight_settings(config)}
    return {
        **{f"frames.{name}": value for name, value in decoding_settings(config).items()},
        **{f"network.{name}": value for name, value in network.items()},
        **{name: config[name] for name in MAY_BE_UNKNOWN},
    }


def recorded_settings(features: str | os.PathLike, defaults: Mapping) -> dict | None:
    """The same keys as features record them; a key that is newer than they had its default.

    Parameters
    ----------
    features : ``features/{video}.h5``.
    defaults : the whole config, each key at its default.

    Returns
    -------
    None for a file that cannot be read or records nothing: it is made anew in any case.
    """
    try:
        steps = read_provenance(features)["steps"]
        frames, network = steps["dump_frames"], steps["extract_features"]
    except (OSError, ValueError, KeyError, UserError):
        return None
    sections = {"frames": {**defaults["frames"], **frames}}
    sections["network"] = {**defaults["network"], **network}
    unknown = dict.fromkeys(MAY_BE_UNKNOWN)
    told = {name: value for name, value in {**frames, **network}.items() if name in unknown}
    return deciding_settings({**sections, **unknown, **told})


def differing_videos(
    results: Path, videos: Iterable[str], config: Mapping, defaults: Mapping
) -> dict[str, dict]:
    """Videos whose features would be made anew, and what differs: key -> value of the features.

    Only settings count: not the file, stream and part of a video, which stand in the table.
    """
    asked, found = deciding_settings(config), {}
    name = weights_name(config["network"], config["seed"])
    for video in videos:
        path = results / "features" / f"{video}.h5"
        recorded = recorded_settings(path, defaults) if path.is_file() else None
        if recorded is None:
            continue
        other = {
            key: value
            for key, value in recorded.items()
            if value != asked[key] and not (value is None and key in MAY_BE_UNKNOWN)
        }
        used = _recorded_weights(path)
        if used == name:
            other.pop("network.weights", None)  # the same file under another name
        elif used and not other and asked["network.weights"] not in KINDS:
            other["network.weights"] = f"{recorded['network.weights']}, with other contents"
        if other:
            found[video] = other
    return found


def _recorded_weights(features: Path) -> str | None:
    """Name of the weights that made features, if they record it."""
    return read_provenance(features).get("network", {}).get("weights_name")


def refuse_replacing(
    results: Path,
    videos: Mapping[str, Video],
    facts: Mapping[str, Mapping],
    config: Mapping,
    defaults: Mapping,
    asked_in: str | os.PathLike | None,
) -> None:
    """Raise UserError if features in `results` would be made anew with other settings.

    Parameters
    ----------
    results : folder that the run writes to.
    videos : rows of the table that the run will have.
    facts : id -> what `chronovision.probe.probe` says, of the videos that can be read.
    config, defaults : of the run, and the config with each key at its default.
    asked_in : the user's file of settings, if there is one.
    """
    differing = differing_videos(results, facts, config, defaults)
    if not differing:
        return
    again = {video: facts[video] for video in differing}
    other = yaml.safe_dump(
        {"results": str(unused_folder(results))},
        **{"default_flow_style": True, "allow_unicode": True, "width": math.inf},
    )
    into = f"in {asked_in}" if asked_in else "in a file of settings, named by CONFIG="
    lines = [
        f"{results} holds features that were made with other settings, and this run would replace "
        "them. So far nothing was changed.",
        *describe_differences(differing, config),
        f"  to be replaced: the features of {len(differing)} of {len(videos)} videos, and all that "
        "is made of them: changes, counts, segments, clips, scores, figures and pages",
        f"  to make them takes {describe_time(videos, again, config)}",
        f"  to keep both, write `pathvars: {other.strip()}` {into}, and run again",
        "  to replace them, run the same command with REPLACE=yes",
    ]
    raise UserError("\n".join(lines))


def describe_differences(differing: Mapping[str, Mapping], config: Mapping) -> list[str]:
    """A line for each key that differs: the values of the features, and the new one."""
    asked = deciding_settings(config)
    lines = []
    for key, new in asked.items():
        old = dict.fromkeys(_shown(one[key]) for one in differing.values() if key in one)
        if old:
            lines.append(f"  {key}: {' and '.join(old)} -> {_shown(new)}")
    return lines


def _shown(value: object) -> str:
    return one_line(json.dumps(value, ensure_ascii=False))
