"""A fitted duration model in a file, and what another set must share with its own to use it.

The file is skops' (no pickle): a dict of plain values and scikit-learn regressions::

    regressions  {estimator: {control: fitted regression}}; control none is the model itself
    set          {key: value} of the set it was fitted on, see `describe_set`

Where no model could be fitted, both are empty, and ``why_empty`` says why.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before PyTorch is hidden below: while it is imported, it asks for PyTorch's tensors.
import scipy.stats  # noqa: F401

from chronovision.comparability import (
    RATE_TOLERANCE,
    NoFitError,
    rate_tolerance,
    videos_with_clips,
)
from chronovision.store import whole_file


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

#: What every model's `set` says, of any version; see `describe_set`.
ALWAYS_DESCRIBED = ("metric", "threshold", "thresholds.scope")


def refuse_mixed_rates(videos: Mapping[str, Mapping], frames: Mapping) -> None:
    """Refuse a set of mixed frame rates: changes per frame, so counts too, depend on the rate.

    Parameters
    ----------
    videos : the provenance's ``videos``, each with the nominal ``frame_interval_s`` and the
        ``mean_interval_s``.
    frames : the config's ``frames`` by which the frames were kept.

    Raises
    ------
    NoFitError : intervals differ by more than 1 % (5 % with ``step_s``) between videos, or by 1 %
        (variable rate, gaps) within one.
    """
    for name, video in videos.items():
        drift = video["mean_interval_s"] / video["frame_interval_s"] - 1
        if abs(drift) > RATE_TOLERANCE:
            raise NoFitError(
                f"the frame rate of video {name} varies or has gaps (on average its frames last "
                f"{abs(drift):.0%} {'longer' if drift > 0 else 'shorter'} than the regular ones), "
                "so that clips of as many frames last unequally",
                "leave it out of the videos table, or resample with frames.fps",
            )
    intervals = {name: video["frame_interval_s"] for name, video in videos.items()}
    step_s = frames.get("step_s")
    tolerance = rate_tolerance(step_s)
    if max(intervals.values()) <= (1 + tolerance) * min(intervals.values()):
        return
    if step_s or frames.get("every", 1) > 1:
        what, listed = "steps from row to row", _list_alike(intervals, "last {:.4g} s")
    else:
        rates = {name: 1 / interval for name, interval in intervals.items()}
        what, listed = "frame rates", _list_alike(rates, "{:.4g} frames/s")
    raise NoFitError(
        f"the videos' {what} differ by more than {100 * tolerance:.0f} % ({listed}), which a "
        "duration model would mistake for content",
        f"set {'another' if step_s else 'a'} frames.step_s (make run VIDEOS=folder/ names one, if "
        "there is one)",
    )


def _list_alike(numbers: Mapping[str, float], said: str) -> str:
    """Each number once, as `said`, with the videos that it is of."""
    alike: dict[str, list[str]] = {}
    for name, number in sorted(numbers.items(), key=lambda item: item[1]):
        alike.setdefault(said.format(number), []).append(name)
    return "; ".join(
        f"{text}: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        for text, names in alike.items()
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
    intervals = [video["frame_interval_s"] for video in videos_with_clips(provenance).values()]
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
    NoFitError : the first key that differs, with both values; thresholds that came from the
        range of change of the model's own set, which no other set has.
    """
    fixed = model.get("thresholds.dynamic", {"tmax": None, "tmin": "min"})
    if model["thresholds.scope"] == "set" and (fixed["tmax"] is None or fixed["tmin"] == "min"):
        raise NoFitError(
            f"{path} (duration.apply) was fitted to counts under thresholds from its own set's "
            "range of change (thresholds.scope: set), which no other set has",
            "fit it with scope: video, or with fixed thresholds.dynamic.tmax and tmin",
        )
    for key, theirs, mine in _compared(model, ours):
        if mine != theirs:
            raise NoFitError(
                f"{path} (duration.apply) cannot be used on this set, as its {key} is {theirs} and "
                f"here it is {mine}",
                "make them equal, or set duration.apply: null",
            )


def _compared(model: Mapping, ours: Mapping) -> Iterator[tuple[str, Any, Any]]:
    """What must be equal in two sets: its name, and its value in either."""
    for key, theirs in model.items():
        if key == "frame_intervals_s":
            # As even as a fit to both sets together would have to be.
            low, high = min(*theirs, *ours[key]), max(*theirs, *ours[key])
            in_steps = model["frames.step_s"] and ours["frames.step_s"]
            if high > (1 + rate_tolerance(in_steps)) * low:
                yield "rate of analysed frames", _rates(theirs), f"{_rates(ours[key])} (frames/s)"
        elif key != "frames.step_s":
            yield key, theirs, ours.get(key)


def _rates(intervals_s: Sequence[float]) -> str:
    """Rows per second at the shortest and the longest interval, as text."""
    return " to ".join(dict.fromkeys(f"{1 / interval:.4g}" for interval in reversed(intervals_s)))


def save_model(path: str | os.PathLike, regressions: dict, described_set: dict) -> None:
    """Write a model; see this module's head for what is in it."""
    with whole_file(path) as part:
        dump({"regressions": regressions, "set": described_set}, part)


def save_no_model(path: str | os.PathLike, why_empty: str) -> None:
    """Write in place of a model why there is none."""
    with whole_file(path) as part:
        dump({"regressions": {}, "set": {}, "why_empty": why_empty}, part)


def load_model(path: str | os.PathLike) -> dict:
    """Read a model without running any code of its file's.

    Raises
    ------
    NoFitError : no such file, not a model of Chronovision or of an earlier version of it, types in
        it that are not trusted, or no model in it, as none could be fitted.
    """
    named = f"{path} (duration.apply)"
    remedy = "name a model.skops that a fit has written, or set duration.apply: null"
    if not Path(path).is_file():
        raise NoFitError(f"there is no file {named}", remedy)
    not_a_model = f"{named} is not a duration model of Chronovision"
    model = _load_plain(path, not_a_model, remedy)
    if not isinstance(model, dict) or set(model) - {"why_empty"} != {"regressions", "set"}:
        raise NoFitError(not_a_model, remedy)
    if "why_empty" in model:
        why = f"{named} holds no model, as none could be fitted ({model['why_empty']})"
        raise NoFitError(why, remedy)
    if not _are_regressions(model["regressions"]):
        raise NoFitError(f"{not_a_model}, as it holds no regressions", remedy)
    about = model["set"]
    if missing := [
        key for key in ALWAYS_DESCRIBED if not isinstance(about, dict) or key not in about
    ]:
        raise NoFitError(f"{not_a_model}, as its set lacks {', '.join(missing)}", remedy)
    if not {"frames.step_s", "frame_intervals_s"} <= set(about):
        raise NoFitError(f"{named} is of an earlier version", "fit it again")
    return model


def _load_plain(path: str | os.PathLike, not_a_model: str, remedy: str) -> Any:
    """What skops reads of plain values and known types; NoFitError in skops' words."""
    try:
        untrusted = get_untrusted_types(file=path)
        if not untrusted:
            return load(path, trusted=[])
    except OSError:
        raise  # The disk's fault, and no word on what the file is.
    except Exception as error:
        # skops looks into the schema unchecked: a file that is no model may fail anywhere.
        words = " ".join(str(error).split()) or type(error).__name__
        raise NoFitError(f"{not_a_model} ({words})", remedy) from error
    types = ", ".join(untrusted)
    raise NoFitError(f"{not_a_model}, as it holds untrusted types ({types})", remedy)


def _are_regressions(regressions: Any) -> bool:
    """Whether there is a model for each estimator, and all can predict."""
    return (
        isinstance(regressions, dict)
        and bool(regressions)
        and all(
            isinstance(controls, dict)
            and "none" in controls
            and all(hasattr(regression, "predict") for regression in controls.values())
            for controls in regressions.values()
        )
    )
