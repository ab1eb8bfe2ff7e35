"""Checks of stored numbers: their deviations, and the lines that say whether they hold."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from chronovision.errors import UserError

#: Result of a check -> printed text.
VERDICTS = {True: "holds", False: "DOES NOT HOLD", None: "NOT CHECKED"}


@dataclass
class Tally:
    """Number of compared values, and their largest deviation.

    Attributes
    ----------
    allowed : float
        Deviation up to which a value holds.
    count : int
        Number of values.
    wrong : int
        Number of values that do not hold.
    worst : float
        Largest deviation.
    where : str
        Value that it belongs to.
    """

    allowed: float
    count: int = 0
    wrong: int = 0
    worst: float = 0.0
    where: str = ""

    def add(
        self, deviation: ArrayLike, where: str, stored: ArrayLike = (), true: ArrayLike = ()
    ) -> None:
        """Count values by their deviations; NaN is infinitely far off.

        Parameters
        ----------
        deviation : ArrayLike
            Deviation of each value.
        where : str
            Place of the values; ``{}`` stands for a value's index.
        stored, true : ArrayLike, optional
            The values themselves, if the message is to show them.
        """
        deviations = np.nan_to_num(np.ravel(deviation), nan=np.inf, posinf=np.inf)
        self.count += deviations.size
        self.wrong += int((deviations > self.allowed).sum())
        if deviations.max(initial=0.0) > self.worst:
            index = int(np.argmax(deviations))
            self.worst, self.where = float(deviations[index]), where.format(index)
            if np.size(stored):
                pair = (_shown(np.ravel(values)[index]) for values in (stored, true))
                self.where += " is {} instead of {}".format(*pair)

    def __str__(self) -> str:
        """Return the number of values, the largest deviation and, if it is too large, its place."""
        if self.wrong:
            return (
                f"{self.wrong} of {self.count:,} values, largest deviation {self.worst:.1e} "
                f"(allowed {self.allowed:.0e}): {self.where}"
            )
        return f"{self.count:,} values, {_largest(self.worst)}"


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _largest(deviation: float) -> str:
    return f"largest deviation {deviation:.1e}" if deviation else "all equal"


@dataclass(frozen=True)
class Check:
    """One check of one video, or of the set (`video` is empty).

    Attributes
    ----------
    video : str
        Id of the video.
    what : str
        Subject of the check; its kind is the part up to a slash.
    holds : bool or None
        None if the check could not be made.
    tally : Tally or None
        The compared values, if there were any.
    note : str
        Further remarks.
    """

    video: str
    what: str
    holds: bool | None
    tally: Tally | None = None
    note: str = ""

    def __str__(self) -> str:
        """Return one line: the verdict, the subject and the reason."""
        told = [self.video, self.what, str(self.tally or ""), self.note]
        return f"{VERDICTS[self.holds]:13}  {': '.join(filter(None, told))}"


def attempt(video: str, what: str, compare: Callable[[], Tally | str]) -> Check:
    """Make a check; if the comparison fails, the check could not be made.

    Parameters
    ----------
    video, what : str
        See `Check`.
    compare : callable
        Function that returns a tally, or a text of what does not hold (empty if all holds).
    """
    try:
        found = compare()
    # What was damaged or changed by hand may fail in any way, and the other checks must go on.
    except Exception as error:
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        return Check(video, what, None, note=kind + " ".join(str(error).split()))
    if isinstance(found, Tally):
        return Check(video, what, not found.wrong, found)
    return Check(video, what, not found, note=found)


def summary(checks: Iterable[Check]) -> Iterator[str]:
    """Return lines that sum up checks, one for each kind and one for all."""
    kinds: dict[str, list[Check]] = {}
    for check in checks:
        kinds.setdefault(check.what.split("/")[0], []).append(check)
    for kind, members in kinds.items():
        holding = sum(check.holds is True for check in members)
        line = f"{kind}: {holding} of {len(members)} hold"
        tallies = [check.tally for check in members if check.tally]
        if tallies:
            count, worst = sum(t.count for t in tallies), max(t.worst for t in tallies)
            line += f", {count:,} values, {_largest(worst)}"
        yield line
    ends = [check.holds for members in kinds.values() for check in members]
    if all(ends):
        yield f"All {len(ends)} checks hold."
    else:
        hold, wrong, open_ = (ends.count(end) for end in (True, False, None))
        yield f"Of {len(ends)} checks {hold} hold, {wrong} do not hold, {open_} could not be made."
