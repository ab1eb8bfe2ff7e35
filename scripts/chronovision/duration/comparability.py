"""Obstacles to predicting durations, which the fit refuses and the survey reports beforehand."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chronovision.errors import UserError

#: Fewer groups than this cannot be held out and still leave two to learn from.
LEAST_GROUPS = 3
#: Least number of groups for folds of several groups, and for an R². With fewer, each group is held
#: out and shown alone.
ENOUGH_GROUPS = 10
#: Largest relative difference between frame rates. Change per frame depends on the rate, so that
#: counts at other rates cannot be compared.
RATE_TOLERANCE = 0.01
#: The same for steps of whole numbers of frames, which come no nearer: 24 and 25 frames/s are 4.17
#: % apart at every step up to 1/6 s.
STEP_TOLERANCE = 0.05


def rate_tolerance(step_s: float | None) -> float:
    """Return how much steps from row to row may differ, relatively, if counts are compared.

    Parameters
    ----------
    step_s : float or None
        The config's ``frames.step_s``. With a step in seconds whole frames only come near it.

    Returns
    -------
    float
    """
    return STEP_TOLERANCE if step_s else RATE_TOLERANCE


def is_small_set(n_groups: int) -> bool:
    """Return whether a set has so few groups that each is a fold, and R² is shown for none."""
    return n_groups < ENOUGH_GROUPS


class NoFitError(UserError):
    """Durations cannot be predicted from this set. Everything else is computed all the same.

    Attributes
    ----------
    reason : str
        The obstacle, a clause without a full stop.
    remedy : str
        What to do, a clause without a full stop.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        """Join reason and remedy to the message."""
        super().__init__(f"{reason}: {remedy}")
        self.reason, self.remedy = reason, remedy

    def record(self) -> dict[str, str]:
        """Return the provenance's ``why_empty`` of a table that has no rows for this reason."""
        return {"reason": self.reason, "remedy": self.remedy}


def videos_with_clips(provenance: Mapping) -> dict[str, Mapping]:
    """Return the ``videos`` of a clip table's provenance that are long enough to give clips."""
    short = provenance["design"]["short_videos"]
    return {name: video for name, video in provenance["videos"].items() if name not in short}


def obstacles(
    groups: Mapping[str, str], files: Mapping[str, str], only_duration_s: float | None
) -> list[NoFitError]:
    """Return all obstacles to a fit to the clips of a set, except differing frame rates.

    Parameters
    ----------
    groups : mapping of str to str
        Video -> group, for the videos that clips are cut from.
    files : mapping of str to str
        Video -> value that identifies its file, such as the SHA-256.
    only_duration_s : float or None
        Duration that all clips have; None if they have several, or there are none.

    Returns
    -------
    list of NoFitError
    """
    return [*_few_groups(groups), *_one_duration(only_duration_s), *_shared_files(files, groups)]


def all_of(found: Sequence[NoFitError]) -> NoFitError:
    """Return one error that states all of them, and what to do about each."""
    remedies = dict.fromkeys(error.remedy for error in found)
    return NoFitError("; and ".join(error.reason for error in found), "; and ".join(remedies))


def _few_groups(groups: Mapping[str, str]) -> Iterator[NoFitError]:
    """Explain that of fewer groups than `LEAST_GROUPS` none can be held out."""
    n_groups = len(set(groups.values()))
    if n_groups < LEAST_GROUPS:
        yield NoFitError(
            f"the videos that give clips form {n_groups} group{'' if n_groups == 1 else 's'}, and "
            f"fewer than {LEAST_GROUPS} cannot be held out and still leave something to learn from",
            "add videos",
        )


def _one_duration(only_duration_s: float | None) -> Iterator[NoFitError]:
    if only_duration_s is not None:
        yield NoFitError(
            f"all clips have the same duration ({only_duration_s:g} s), so that there is nothing "
            "to predict",
            "put more and shorter durations into clips.durations_s, or leave short videos out of "
            "the clips (clips.min_video_s)",
        )


def _shared_files(files: Mapping[str, str], groups: Mapping[str, str]) -> Iterator[NoFitError]:
    """Return the error for a file, or parts of it, in two groups.

    This would be leakage: a fold would be tested on what its model was fitted to.
    """
    alike: dict[str, list[str]] = {}
    for name, file in files.items():
        alike.setdefault(file, []).append(name)
    for names in alike.values():
        if len({groups[name] for name in names}) > 1:
            yield NoFitError(
                f"videos {', '.join(names[:-1])} and {names[-1]} are the same file in different "
                "groups, so that a model would be tested on what it was fitted to",
                "give them one group in the videos table, or leave all but one out",
            )


def require_comparable_clips(provenance: Mapping) -> None:
    """Raise NoFitError for a clip table that no model can predict from.

    Parameters
    ----------
    provenance : mapping
        Provenance of the table.

    Raises
    ------
    NoFitError
        The table has no rows, or its videos differ in frame rate.
    """
    if "why_empty" in provenance:
        raise NoFitError(**provenance["why_empty"])
    require_equal_frame_rates(videos_with_clips(provenance), provenance["steps"]["dump_frames"])


def require_equal_frame_rates(videos: Mapping[str, Mapping], frames: Mapping) -> None:
    """Raise NoFitError for mixed frame rates: changes per frame, and so counts, depend on the rate.

    Parameters
    ----------
    videos : mapping of str to mapping
        The provenance's ``videos``, each with the nominal ``frame_interval_s`` and the
        ``mean_interval_s``.
    frames : mapping
        The config's ``frames`` by which the frames were kept.

    Raises
    ------
    NoFitError
        Intervals differ by more than 1 % (5 % with ``step_s``) between videos, or by 1 % within one
        (variable rate, gaps).
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
    """List each number once, formatted by `said`, with the videos that have it."""
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
    """Describe what must be the same in a set that a model is applied to.

    Parameters
    ----------
    provenance : mapping
        Provenance of a clip table.
    layers : sequence of str
        Layers whose counts it holds, in order.
    metric, threshold : str
        Metric and kind of threshold of the clip table.

    Returns
    -------
    dict
        Key as the config or an error message names it -> plain value.
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


def require_same_set(path: str | os.PathLike, model: Mapping, ours: Mapping) -> None:
    """Raise NoFitError if a model is applied to a set that differs from its own.

    Parameters
    ----------
    path : path-like
        File of the model, for the message.
    model, ours : mapping
        Descriptions of the model's set and of this one, see `describe_set`.

    Raises
    ------
    NoFitError
        Some key differs: the message names the first with both values. Or the thresholds came from
        the range of change of the model's own set, which no other set has.
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
    """Yield the name of each value that must be equal in two sets, with both values."""
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
    """Return the rows per second at the shortest and the longest interval, as text."""
    return " to ".join(dict.fromkeys(f"{1 / interval:.4g}" for interval in reversed(intervals_s)))
