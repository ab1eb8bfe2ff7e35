"""What stands against predicting durations: what the fit refuses, and the survey foretells."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chronovision.errors import UserError

#: Fewer groups than this cannot be held out and still leave two to learn from.
LEAST_GROUPS = 3
#: Below this many groups each is held out alone, and shown: too few for an R² worth a headline.
ENOUGH_GROUPS = 10
#: Change per frame depends on the rate: rates that differ by more than this, relatively, cannot be
#: compared.
RATE_TOLERANCE = 0.01
#: Steps of whole numbers of frames come no nearer to each other than this: 24 and 25 frames/s are
#: 4.17 % apart at every step up to 1/6 s.
STEP_TOLERANCE = 0.05


def rate_tolerance(step_s: float | None) -> float:
    """How far steps from row to row may differ in a set, relatively, if its counts are compared.

    More where the config's ``frames.step_s`` asked for steps as even as whole frames make them.
    """
    return STEP_TOLERANCE if step_s else RATE_TOLERANCE


def is_small_set(n_groups: int) -> bool:
    """Whether a set has so few groups that each is a fold, and no R² over all is shown."""
    return n_groups < ENOUGH_GROUPS


class NoFitError(UserError):
    """Durations cannot be predicted from this set; no other result is at fault, and all go on.

    Attributes
    ----------
    reason : what stands against it, a clause without a full stop.
    remedy : what to do, the same.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        """The message is the reason, and then what to do."""
        super().__init__(f"{reason}: {remedy}")
        self.reason, self.remedy = reason, remedy

    def record(self) -> dict[str, str]:
        """The provenance's ``why_empty`` of a table that has no rows for this reason."""
        return {"reason": self.reason, "remedy": self.remedy}


def videos_with_clips(provenance: Mapping) -> dict[str, Mapping]:
    """Of a clip table's provenance, the ``videos`` that are long enough to give clips."""
    short = provenance["design"]["short_videos"]
    return {name: video for name, video in provenance["videos"].items() if name not in short}


def obstacles(
    groups: Mapping[str, str], files: Mapping[str, str], only_duration_s: float | None
) -> list[NoFitError]:
    """All that stands against a fit to the clips of a set, but for frame rates that differ.

    Parameters
    ----------
    groups : video -> group, of the videos that clips are cut from.
    files : video -> what tells its file from others, such as the SHA-256.
    only_duration_s : which all clips have; None if they have several, or if there are none.
    """
    return [*_few_groups(groups), *_one_duration(only_duration_s), *_shared_files(files, groups)]


def all_of(found: Sequence[NoFitError]) -> NoFitError:
    """One error that says all of them, and what to do about each."""
    remedies = dict.fromkeys(error.remedy for error in found)
    return NoFitError("; and ".join(error.reason for error in found), "; and ".join(remedies))


def _few_groups(groups: Mapping[str, str]) -> Iterator[NoFitError]:
    """Of fewer than `LEAST_GROUPS` none can be held out."""
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
    """A file, or parts of it, in two groups: a fold would be tested on what it was fitted to."""
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
    """Refuse a clip table that cannot be predicted from, by any model.

    Parameters
    ----------
    provenance : of the table.

    Raises
    ------
    NoFitError : it has no rows, or is of videos whose frame rates differ.
    """
    if "why_empty" in provenance:
        raise NoFitError(**provenance["why_empty"])
    require_equal_frame_rates(videos_with_clips(provenance), provenance["steps"]["dump_frames"])


def require_equal_frame_rates(videos: Mapping[str, Mapping], frames: Mapping) -> None:
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


def require_same_set(path: str | os.PathLike, model: Mapping, ours: Mapping) -> None:
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
