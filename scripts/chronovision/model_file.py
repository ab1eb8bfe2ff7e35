"""A fitted duration model in a file, and what another set must share with its own to use it.

The file is skops' (no pickle): a dict of plain values and scikit-learn regressions::

    regressions  {estimator: {control: fitted regression}}; control none is the model itself
    set          {key: value} of the set it was fitted on, see `describe_set`
"""

import os
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronovision.errors import UserError
from chronovision.store import whole_file
from chronovision.timing import RATE_TOLERANCE, rate_tolerance


@contextmanager
def _no_torch() -> Iterator[None]:
    """Let `import torch` fail, unless it is there already.

    skops imports all of scikit-learn to see what classes it has, and with it PyTorch: four
    seconds and 700 MB. Without PyTorch it finds the same classes.
    """
    absent = "torch" not in sys.modules
    if absent:
        sys.modules["torch"] = None
    try:
        yield
    finally:
        if absent:
            del sys.modules["torch"]


with _no_torch():
    from skops.io import dump, get_untrusted_types, load
    from skops.io.exceptions import UntrustedTypesFoundException


def refuse_mixed_rates(videos: Mapping[str, Mapping], step_s: float | None) -> None:
    """Refuse a set of mixed frame rates: changes per frame, so counts too, depend on the rate.

    Parameters
    ----------
    videos : the provenance's ``videos``, each with the nominal ``frame_interval_s`` and the
        ``mean_interval_s``.
    step_s : the config's ``frames.step_s`` by which the frames were kept.

    Raises
    ------
    UserError : intervals differ by more than 1 % (5 % with `step_s`) between videos, or by 1 %
        (variable rate, gaps) within one.
    """
    for name, video in videos.items():
        drift = video["mean_interval_s"] / video["frame_interval_s"] - 1
        if abs(drift) > RATE_TOLERANCE:
            raise UserError(
                f"the frame rate of video {name} varies or has gaps (on average its frames last "
                f"{drift:+.0%} longer than the regular ones), so that clips of as many frames last "
                "unequally: set frames.fps, or run without a duration model "
                "(duration.estimators: [], duration.apply: null)"
            )
    intervals = {name: video["frame_interval_s"] for name, video in videos.items()}
    tolerance = rate_tolerance(step_s)
    if max(intervals.values()) <= (1 + tolerance) * min(intervals.values()):
        return
    rates: dict[str, list[str]] = {}
    for name, interval in intervals.items():
        rates.setdefault(f"{1 / interval:.4g}", []).append(name)
    listed = "; ".join(
        f"{rate} frames/s: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        for rate, names in sorted(rates.items(), key=lambda item: float(item[0]))
    )
    raise UserError(
        f"the videos' frame rates differ by more than {100 * tolerance:.0f} % ({listed}), which a "
        f"duration model would mistake for content: set {'another' if step_s else 'a'} "
        "frames.step_s (make run VIDEOS=folder/ names one), or run without a model "
        "(duration.estimators: [], duration.apply: null)"
    )


def refuse_shared_files(videos: Mapping[str, Mapping], groups: Mapping[str, str]) -> None:
    """Refuse a set in which one file stands in two groups: a fold would be tested on what it saw.

    Parameters
    ----------
    videos : the provenance's ``videos``, each with the ``sha256`` of its file.
    groups : video -> group.

    Raises
    ------
    UserError : the same file, or a part of it, is in two groups.
    """
    first: dict[str, str] = {}
    for name, video in videos.items():
        other = first.setdefault(video["sha256"], name)
        if groups[other] != groups[name]:
            raise UserError(
                f"videos {other} and {name} are the same file (SHA-256) in different groups, so "
                "that a model would be tested on what it was fitted to: give them one group in the "
                "videos table, leave one out, or set duration.estimators: []"
            )


def describe_set(
    provenance: Mapping, layers: Sequence[str], metric: str, threshold: str
) -> dict[str, Any]:
    """What must be the same in a set that a model is used on.

    Parameters
    ----------
    provenance : of a clip table.
    layers : whose counts it holds, in order.
    metric, threshold : of the clip table.

    Returns
    -------
    key as the config or an error message names it -> plain value.
    """
    network, steps = provenance["network"], provenance["steps"]
    frames, clips = steps["dump_frames"], steps["build_clip_table"]
    intervals = [video["frame_interval_s"] for video in provenance["videos"].values()]
    thresholds = clips["thresholds"]
    used = ["scope", "range"]
    used += ["percentiles"] if thresholds["range"] == "percentile" else []
    used += ["dynamic"] if threshold == "dynamic" else []
    return {
        "metric": metric,
        "threshold": threshold,
        "network.model": network["model"],
        "network.layers": list(layers),
        "network.precision": network["precision"],
        "weights_sha256": network["weights_sha256"],
        "frames.size": frames["size"],
        "frames.geometry": frames["geometry"],
        "frames.step_s": frames.get("step_s"),
        "frame_intervals_s": [min(intervals), max(intervals)],
        **{f"thresholds.{key}": thresholds[key] for key in used},
    }


def refuse_other_set(path: str | os.PathLike, model: Mapping, ours: Mapping) -> None:
    """Refuse to use a model on a set that differs from its own.

    Parameters
    ----------
    path : the model's file, for the message.
    model, ours : see `describe_set`.

    Raises
    ------
    UserError : the first key that differs, with both values; thresholds that came from the
        range of change of the model's own set, which no other set has.
    """
    fixed = model.get("thresholds.dynamic", {"tmax": None, "tmin": "min"})
    if model["thresholds.scope"] == "set" and (fixed["tmax"] is None or fixed["tmin"] == "min"):
        raise UserError(
            f"duration.apply: {path} was fitted to counts under thresholds from its own set's "
            "range of change (thresholds.scope: set), which no other set has: fit it with "
            "scope: video, or with fixed thresholds.dynamic.tmax and tmin"
        )
    if "frame_intervals_s" not in model:
        raise UserError(f"{path} (duration.apply) is of an earlier version: fit it again")
    for key, theirs, mine in _compared(model, ours):
        if mine != theirs:
            raise UserError(
                f"{path} cannot be used on this set (duration.apply): its {key} is {theirs}, here "
                f"it is {mine}"
            )


def _compared(model: Mapping, ours: Mapping) -> Iterator[tuple[str, Any, Any]]:
    """What must be equal in two sets: its name, and its value in either."""
    for key, theirs in model.items():
        if key == "frame_intervals_s":
            # As even as a fit to both sets together would have to be.
            low, high = min(*theirs, *ours[key]), max(*theirs, *ours[key])
            in_steps = model["frames.step_s"] and ours["frames.step_s"]
            if high > (1 + rate_tolerance(in_steps)) * low:
                yield "frame rate", _rates(theirs), f"{_rates(ours[key])} (frames/s)"
        elif key != "frames.step_s":
            yield key, theirs, ours.get(key)


def _rates(intervals_s: Sequence[float]) -> str:
    """Frames per second at the shortest and the longest interval, as text."""
    return " to ".join(dict.fromkeys(f"{1 / interval:.4g}" for interval in reversed(intervals_s)))


def save_model(path: str | os.PathLike, regressions: dict, described_set: dict) -> None:
    """Write a model; see this module's head for what is in it."""
    with whole_file(path) as part:
        dump({"regressions": regressions, "set": described_set}, part)


def load_model(path: str | os.PathLike) -> dict:
    """Read a model without running any code of its file's.

    Raises
    ------
    UserError : no such file, not a model of Chronovision, or types in it that are not trusted.
    """
    if not Path(path).is_file():
        raise UserError(f"duration.apply: there is no file {path}")
    not_a_model = f"duration.apply: {path} is not a duration model of Chronovision"
    try:
        untrusted = get_untrusted_types(file=path)
        if untrusted:
            raise UserError(f"{not_a_model}: it holds untrusted types ({', '.join(untrusted)})")
        model = load(path, trusted=[])
    except (zipfile.BadZipFile, KeyError, ValueError, UntrustedTypesFoundException) as error:
        raise UserError(f"{not_a_model} ({error})") from error
    if not isinstance(model, dict) or set(model) != {"regressions", "set"}:
        raise UserError(not_a_model)
    return model
