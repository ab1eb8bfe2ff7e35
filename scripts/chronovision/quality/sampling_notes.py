"""Quality notes on the steps from row to row: uneven steps, and a cadence in the source."""

from collections.abc import Iterator, Sequence

import numpy as np

from chronovision.quality.note_row import Note, finite, medians, ratio, times

#: Ratio of the median change in longer steps to that in shorter ones above which there is a
#: warning.
UNEVEN = 1.2
#: Least number of steps of either kind for a warning.
ENOUGH = 10
#: Least share of the rarer steps for a warning: fewer hardly move counts. 59.94 frames/s shown as
#: 30 have 0.2 %.
OFTEN = 0.01
#: Numbers of rows after which a cadence may repeat. 24 frames/s shown as 30 or as 60 repeat after
#: 5, 25 shown as 30 after 6, 20 as 30 after 3, 25 as 60 after 12, 24 as 25 after 25.
PERIODS = (2, 3, 4, 5, 6, 12, 25)
#: Least number of periods in a piece in which a cadence is looked for; a shorter film is one piece.
#: Half of them must show any change. Cuts made after a conversion shift the cadence.
CYCLES = 20
#: Pictures are nearly equal if the change at their place in the period is at most this share of the
#: least change at the other places.
NEARLY = 0.25
#: In a cycle, the other frames must change at least this fraction of the largest change. In a
#: cadence of another period they change less.
MOVING = 0.25


def uneven_note(
    metric: str,
    layers: Sequence[str],
    changes: np.ndarray,
    source_frame: np.ndarray,
    static: np.ndarray,
) -> Iterator[Note]:
    """Yield a note on rows that are k or k + 1 source frames apart, so that changes alternate.

    Parameters
    ----------
    metric : str
        Metric of the changes.
    layers : sequence of str
        Names of the layers.
    changes : (n, layers) float64 array
        Changes; the first row is missing.
    source_frame : (n,) int64 array
        Indices among the decoded frames.
    static : (layers,) float64 array
        Static thresholds.

    Yields
    ------
    Note
        None is given if all steps are equal. The value is the largest ratio over layers of the
        median change in steps of k + 1 frames to that in steps of k; n/a where k is 0. It is a
        warning only if the rarer kind is at least 1 % of all steps.
    """
    steps, values = np.diff(source_frame), changes[1:]
    k = int(np.floor(steps.mean()))
    short, long = steps == k, steps == k + 1
    if not (short.any() and long.any()):
        return
    salient = values > static
    share = salient[long].sum() / max(salient.sum(), 1)
    often = min(short.mean(), long.mean()) >= OFTEN
    text = f"rows are {k} or {k + 1} source frames apart, {long.mean():.1%} of them {k + 1}"
    if k == 0:
        text += ": the others show the frame before once more"
        yield Note("uneven_steps", "warning" if often else "info", float("nan"), text)
        return
    ratios = ratio(medians(values, long), medians(values, short))
    worst = int(np.argmax(ratios))
    warn = ratios[worst] > UNEVEN and min(short.sum(), long.sum()) >= ENOUGH and often
    text += (
        f"; {metric}: the median change in the longer steps is {times(ratios[worst])} that in the "
        f"shorter ones ({layers[worst]}, the largest ratio), and {share:.1%} of the changes above "
        f"the static threshold lie in longer steps, {long.mean():.1%} of all changes do"
    )
    yield Note("uneven_steps", "warning" if warn else "info", finite(ratios[worst]), text)


def cadence(change: np.ndarray) -> tuple[int, int, float] | None:
    """Return the period after which pictures are nearly equal again, if there is one.

    For each period p the changes are cut into cycles of p and divided by the largest change of
    their cycle. In pieces of `CYCLES` cycles the medians at the p places are sorted, and split
    where the ratio of neighbours is least. The value of p is the median of that ratio over the
    pieces.

    Parameters
    ----------
    change : (m,) float64 array
        Change of the pixels from row to row; NaN where it is to be ignored.

    Returns
    -------
    period : int
        Period of the least value; the shorter one of nearly equal values.
    count : int
        Number of places in the period that hold nearly equal pictures.
    value : float
        The value of the period. The function returns None if no value is at most `NEARLY`.

    Examples
    --------
    >>> cadence(np.tile([0.1, 8.0, 8.0, 8.0, 8.0], 40))
    (5, 1, 0.0125)
    >>> cadence(np.full(200, 8.0)) is None
    True
    """
    values = {}
    for period in PERIODS:
        parted = [one for one in map(_parted, _pieces(change, period)) if one is not None]
        if parted:
            count, value = np.median(parted, axis=0)
            values[period] = int(count), float(value)
    if not values:
        return None
    period = min(values, key=lambda one: (round(values[one][1], 2), one))
    return (period, *values[period]) if values[period][1] <= NEARLY else None


def _pieces(change: np.ndarray, period: int) -> list[np.ndarray]:
    """Return pieces of a series, each (cycles, period); none if it is too short."""
    cycles = len(change) // period
    if cycles < ENOUGH:
        return []
    whole = change[: cycles * period].reshape(cycles, period)
    return np.array_split(whole, max(cycles // CYCLES, 1))


def _parted(piece: np.ndarray) -> tuple[int, float] | None:
    """Return the number of places of small change, and its ratio to the others, or None."""
    moving = piece[np.nan_to_num(piece).max(axis=1) > 0]
    if len(moving) < len(piece) / 2:
        return None
    share = moving / np.nanmax(moving, axis=1, keepdims=True)
    known = np.isfinite(share).sum(axis=0) >= ENOUGH / 2
    if known.sum() < 2:
        return None
    places = np.sort(np.nanmedian(share[:, known], axis=0))
    ratios = np.where(places[1:] >= MOVING, places[:-1] / np.maximum(places[1:], MOVING), 1.0)
    least = int(np.argmin(ratios))
    return least + 1, float(ratios[least])


def cadence_note(
    pixel_change: np.ndarray, key_frame: np.ndarray, repeated: np.ndarray
) -> Iterator[Note]:
    """Yield a note on a cadence in the source, as frame-rate conversions leave it.

    Parameters
    ----------
    pixel_change : (n,) float64 array
        Mean |ΔRGB| from row to row; the first one is missing.
    key_frame : (n,) bool array
        Key frames. The encoder's changes there are ignored.
    repeated : (n,) bool array
        Rows that resampling shows again. If there are any, no note is given.
    """
    if repeated.any():
        return
    change = np.where(key_frame, np.nan, pixel_change)[1:]
    found = cadence(change)
    if found:
        period, count, share = found
        text = (
            f"{count} of every {period} pictures nearly equal the one before (their change is "
            f"{share:.2f} of the least of the others): the frame rate was probably converted"
        )
        yield Note("near_duplicates", "warning", share, text)
