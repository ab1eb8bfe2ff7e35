"""What stands against predicting durations: what the fit refuses, and the survey foretells."""

from collections.abc import Iterator, Mapping, Sequence

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
    """Of fewer than three none can be held out."""
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
