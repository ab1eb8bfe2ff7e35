"""Features that a run would replace in its results folder because the config has changed."""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from chronovision.config.slices import decoding_settings, feature_settings, weight_settings
from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.core.prose import written_step
from chronovision.core.provenance import read_provenance
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.features.networks import NetworkSpec
from chronovision.features.weights_name import KINDS, weights_name
from chronovision.survey.costs import describe_time
from chronovision.survey.results_folder import unused_folder
from chronovision.videos.table import Video

#: The number at the end of a results folder's name; the next folder is not called films_2_2.
NUMBERED = re.compile(r"_[0-9]+$")

#: Keys that older features do not record. They are compared only where they are recorded.
MAY_BE_UNKNOWN = ("seed", "strict")

#: Columns of the videos table that decide features.
COLUMNS = ("start_s", "end_s", "stream")
#: Most lines on videos whose columns have changed.
MOST_ROWS = 12


def deciding_settings(config: Mapping) -> dict:
    """Return the config's keys that decide features, as a user writes them: ``frames.fps`` …."""
    network = {**feature_settings(config), **weight_settings(config)}
    return {
        **{f"frames.{name}": value for name, value in decoding_settings(config).items()},
        **{f"network.{name}": value for name, value in network.items()},
        **{name: config[name] for name in MAY_BE_UNKNOWN},
    }


def recorded_settings(features: str | os.PathLike, defaults: Mapping) -> dict | None:
    """Return the same keys as features record them; newer keys have their default.

    Parameters
    ----------
    features : path-like
        ``features/{video}.h5``.
    defaults : mapping
        The whole config with every key at its default.

    Returns
    -------
    dict or None
        None for a file that cannot be read or records nothing. It is computed again in any case.
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
    results: Path, videos: Mapping[str, Video], config: Mapping, defaults: Mapping
) -> dict[str, dict]:
    """Videos whose features would be made anew, and what differs: key -> value of the features.

    Settings count, and of the table the part and stream of a video; not its file.
    """
    asked, found = deciding_settings(config), {}
    name = weights_name(config["network"], config["seed"])
    for video, row in videos.items():
        path = Results(results).features(video=video)
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
        other |= _other_row(path, row)
        if other:
            found[video] = other
    return found


def _other_row(features: Path, row: Video) -> dict:
    """Return what features record of their row of the table, where the row differs by now."""
    steps = read_provenance(features)["steps"]
    told = {**steps.get("probe_video", {}), **steps["dump_frames"]}
    return {key: told[key] for key in COLUMNS if key in told and told[key] != getattr(row, key)}


def _recorded_weights(features: Path) -> str | None:
    """Return the name of the weights that made features, if they record it."""
    return read_provenance(features).get("network", {}).get("weights_name")


def describe_replacing(
    results: Path,
    videos: Mapping[str, Video],
    facts: Mapping[str, Mapping],
    config: Mapping,
    defaults: Mapping,
    spec: NetworkSpec,
) -> list[str]:
    """Describe what a run replaces in `results`, why, and how long that takes.

    Parameters
    ----------
    results : Path
        Folder that the run writes to.
    videos : mapping of str to Video
        Rows of the table that the run will have.
    facts : mapping of str to mapping
        Id -> result of `chronovision.videos.probe.probe`, for the videos that can be read.
    config, defaults : mapping
        Config of the run, and the config with every key at its default.
    spec : NetworkSpec
        The network that the config asks for.
    """
    rows = {video: videos[video] for video in facts}
    differing = differing_videos(results, rows, config, defaults)
    if not differing:
        return []
    again = {video: facts[video] for video in differing}
    return [
        *describe_differences(differing, config),
        *_describe_rows(differing, rows),
        f"  to be replaced: the features of {len(differing)} of {len(videos)} videos, and all that "
        "is made of them: changes, counts, segments, clips, scores, figures and pages",
        f"  to make them takes {describe_time(videos, again, config, spec)}",
    ]


def replacing_error(
    results: Path,
    replacing: Iterable[str],
    expected: Iterable[str],
    asked: Mapping,
    asked_in: str | os.PathLike | None,
) -> UserError:
    """Return the error on features in `results` that would be replaced.

    Parameters
    ----------
    replacing : iterable of str
        Lines of `describe_replacing`.
    expected : iterable of str
        Lines on the rest of the run, in which users may find reasons against it.
    asked : mapping
        The user's config overlay.
    asked_in : path-like or None
        File of that overlay, if there is one.
    """
    other = yaml.safe_dump(
        {"results": str(unused_folder(Path(NUMBERED.sub("", str(results)))))},
        default_flow_style=True,
        allow_unicode=True,
        width=math.inf,
    ).strip()
    into = f"in {asked_in}" if asked_in else "in a file of settings, named by CONFIG="
    if "results" in (asked.get("pathvars") or {}):
        keep = f"change `results` under `pathvars` {into} to `{other[1:-1]}`"
    elif "pathvars" in asked:
        keep = f"write `{other[1:-1]}` under `pathvars` {into}"
    else:
        keep = f"write `pathvars: {other}` {into}"
    lines = [
        f"{results} holds features that were made with other settings, and this run would replace "
        "them. So far nothing was changed.",
        *replacing,
        f"  to keep both, {keep}, and run again",
        "  to replace them, run the same command with REPLACE=yes",
        *expected,
    ]
    return UserError("\n".join(lines))


def describe_differences(differing: Mapping[str, Mapping], config: Mapping) -> list[str]:
    """Return a line for each key that differs: the values of the features, and the new one."""
    asked = deciding_settings(config)
    lines = []
    for key, new in asked.items():
        show = _shown_step if key == "frames.step_s" else _shown
        old = dict.fromkeys(show(one[key]) for one in differing.values() if key in one)
        if old:
            lines.append(f"  {key}: {' and '.join(old)} -> {show(new)}")
    return lines


def _describe_rows(differing: Mapping[str, Mapping], videos: Mapping[str, Video]) -> list[str]:
    """Return a line for each column of the videos table that differs, video by video."""
    lines = [
        f"  {key} of {video}: {_shown(one[key])} -> {_shown(getattr(videos[video], key))}"
        for video, one in differing.items()
        for key in COLUMNS
        if key in one
    ]
    more = len(lines) - MOST_ROWS
    return lines[:MOST_ROWS] + [f"  and {more} more of the table"] * (more > 0)


def _shown_step(step_s: float | None) -> str:
    return "none" if step_s is None else f"{written_step(step_s)} s"


def _shown(value: object) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), SHOWN_PATH)
