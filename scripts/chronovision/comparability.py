"""What stands against predicting durations: what the fit refuses, and the survey foretells."""

from collections.abc import Iterable, Mapping

from chronovision.errors import UserError

#: Fewer groups than this cannot be held out and still leave two to learn from.
LEAST_GROUPS = 3
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


def refuse_few_groups(groups: Iterable[str]) -> None:
    """Refuse a set of which no group can be held out.

    Parameters
    ----------
    groups : of the videos that clips are cut from.

    Raises
    ------
    NoFitError : fewer than three groups.
    """
    n_groups = len(set(groups))
    if n_groups < LEAST_GROUPS:
        raise NoFitError(
            f"the videos that give clips form {n_groups} group{'' if n_groups == 1 else 's'}, and "
            f"fewer than {LEAST_GROUPS} cannot be held out and still leave something to learn from",
            "add videos",
        )


def refuse_shared_files(files: Mapping[str, str], groups: Mapping[str, str]) -> None:
    """Refuse a set in which one file stands in two groups: a fold would be tested on what it saw.

    Parameters
    ----------
    files : video -> what tells its file from others, such as the SHA-256.
    groups : video -> group.

    Raises
    ------
    NoFitError : the same file, or a part of it, is in two groups.
    """
    first: dict[str, str] = {}
    for name, file in files.items():
        other = first.setdefault(file, name)
        if groups[other] != groups[name]:
            raise NoFitError(
                f"videos {other} and {name} are the same file in different groups, so that a model "
                "would be tested on what it was fitted to",
                "give them one group in the videos table, or leave one out",
            )


def refuse_one_duration(durations_s: Iterable[float]) -> None:
    """Refuse clips that all have the same duration.

    Parameters
    ----------
    durations_s : of the clips, as the config names them.

    Raises
    ------
    NoFitError : there is one only.
    """
    durations = set(durations_s)
    if len(durations) == 1:
        raise NoFitError(
            f"all clips have the same duration ({durations.pop():g} s), so that there is nothing "
            "to predict",
            "put more and shorter durations into clips.durations_s, or leave short videos out of "
            "the clips (clips.min_video_s)",
        )
