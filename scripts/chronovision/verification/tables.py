"""Tables made again from what they were made of, and compared cell by cell.

A stage is run as the provenance of its table says, on the inputs that are stored. So a table that
was changed by hand, or is left over from other inputs or settings, does not agree.
"""

import filecmp
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pandas as pd

from chronovision.core.provenance import read_provenance
from chronovision.core.tables import BLOCK_ROWS, read_header, read_table
from chronovision.duration.clips import build_clip_table
from chronovision.duration.model import fit_duration_model
from chronovision.inventory.standing import Standing
from chronovision.salience.accumulators import accumulate_changes
from chronovision.salience.changes import measure_changes
from chronovision.salience.counts import summarise_counts
from chronovision.salience.thresholds import pool_ranges
from chronovision.segmentation.segments import segment_video
from chronovision.verification.checks import Check, Tally, attempt

#: Relative deviation up to which cells hold: on one type of CPU and with the same versions tables
#: are equal to the byte; elsewhere an exponential or the order of a sum may differ by rounding.
ALLOWED = 1e-9
#: The same for what regressions say: 1.6e-7 was seen between the kernels of linear algebra for
#: different CPUs, and support vectors are sought to 1e-3 only.
ALLOWED_FIT = 1e-4
#: Channels are rounded to float32, to 6e-8 of each.
ALLOWED_CHANNELS = 2e-7
#: A number near zero among larger ones is known no better than this, relative to the largest.
FLOOR = 1e-4

#: What the provenance of a table says that its rows do not.
TOLD = ("design", "why_empty", "why_no_pixel_count")

Steps = Mapping[str, Mapping]


def video_tables(root: Path, video: str, standing: Standing) -> Iterator[Check]:
    """Channels, changes, accumulators and segments of a video: all values that stand."""
    features = root / "features" / f"{video}.h5"
    if features.is_file():
        yield attempt(video, "channels", partial(_channels, features))
    for path in _tables(root, "changes/*", video, standing):
        make = partial(_changes, root, video, path.parent.name)
        yield _again(video, f"changes/{path.parent.name}", [path], make)
    for path in _tables(root, "accumulators/*", video, standing):
        make = partial(_accumulators, root, video, path.parent.name)
        yield _again(video, f"accumulators/{path.parent.name}", [path], make)
    for path in _tables(root, "segments/*", video, standing):
        make = partial(_segments, root, video, path.parent.name)
        yield _again(video, f"segments/{path.parent.name}", [path], make)


def set_tables(root: Path, standing: Standing) -> Iterator[Check]:
    """Ranges, summary, clips with their controls, predictions and scores of the set."""
    for path in _tables(root, "ranges", "*", standing):
        yield _again("", f"ranges/{path.stem}", [path], partial(_ranges, root, path))
    for path in _tables(root, "accumulators", "summary", standing):
        yield _again("", "summary", [path], partial(_summary, root, path))
    for path in _tables(root, "clips", "*", standing):
        both = [path, root / "clips" / "controls" / path.name]
        yield _again("", f"clips/{path.stem}", both, partial(_clips, root, path))
    for path in _tables(root, "duration/*", "predictions", standing):
        if path.parent.name != "applied":  # By another set's model, which lies elsewhere.
            both = [path, path.with_name("scores.tsv")]
            make = partial(_fit, root, path.parent.name)
            yield _again("", f"duration/{path.parent.name}", both, make, ALLOWED_FIT)


def _tables(root: Path, folder: str, stem: str, standing: Standing) -> list[Path]:
    """Tables, but for those that are left over from another config."""
    paths = sorted(root.glob(f"{folder}/{stem}.tsv"))
    return [path for path in paths if standing.asks_for(path.relative_to(root))]


def _again(
    video: str,
    what: str,
    stored: Sequence[Path],
    make: Callable[..., None],
    allowed: float = ALLOWED,
) -> Check:
    """Compare tables with those that `make(steps, *paths)` writes."""

    def compare() -> Tally:
        tally = Tally(allowed)
        with TemporaryDirectory() as scratch:
            made = [Path(scratch, f"{number}.tsv") for number in range(len(stored))]
            make(read_provenance(stored[0])["steps"], *made)
            for one, other in zip(stored, made, strict=True):
                compare_tables(one, other, tally)
                compare_told(one, other, tally)
        return tally

    return attempt(video, what, compare)


def compare_tables(stored: Path, made: Path, tally: Tally) -> None:
    """Compare all cells of two tables.

    Numbers deviate by |a − b| / (|b| + 10⁻⁴ · the largest |b| of the column), b the number that was
    made; other cells that differ, and missing rows and columns, infinitely.
    """
    if filecmp.cmp(stored, made, shallow=False):
        with stored.open("rb") as file:
            tally.add(np.zeros((sum(1 for _ in file) - 1) * len(read_header(stored))), "")
        return
    one, other = (
        pd.read_csv(p, sep="\t", dtype=str, keep_default_na=False) for p in (stored, made)
    )
    if list(one) != list(other) or len(one) != len(other):
        sizes = (f"{len(table)} rows of {', '.join(table)}" for table in (one, other))
        tally.add(np.inf, stored.name, *sizes)
        return
    for name in one:
        numbers, true = (
            pd.to_numeric(table[name], "coerce").to_numpy(float) for table in (one, other)
        )
        largest = np.max(np.abs(true[np.isfinite(true)]), initial=0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = np.abs(numbers - true) / (np.abs(true) + FLOOR * largest)
        deviation = np.where(one[name] == other[name], 0.0, np.nan_to_num(deviation, nan=np.inf))
        tally.add(deviation, f"{name} in row {{}} of {stored.name}", one[name], other[name])


def compare_told(stored: Path, made: Path, tally: Tally) -> None:
    """Compare what two tables say of their clips, and of why they have no rows or no control.

    The tables of a set that gives no clips, or no model, have nothing else to compare.
    """
    one, other = read_provenance(stored), read_provenance(made)
    for key in TOLD:
        if key in one or key in other:
            same = one.get(key) == other.get(key)
            tally.add(0.0 if same else np.inf, f"{key} of {stored.name}")


def _channels(features: Path) -> Tally:
    """Compare the mean over all units, in every row, with that of the channels' means.

    Deviations are shares of the channels' root mean square.
    """
    tally = Tally(ALLOWED_CHANNELS)
    with h5py.File(features) as file:
        for layer, group in file["layers"].items():
            for start in range(0, len(group["mean"]), BLOCK_ROWS):
                rows = slice(start, start + BLOCK_ROWS)
                mean, channels = group["mean"][rows], group["channels"][rows].astype(np.float64)
                size, own = np.sqrt(np.mean(channels**2, axis=1)), channels.mean(axis=1)
                off = np.abs(mean - own)
                deviation = np.divide(off, size, out=off.copy(), where=size > 0)
                where = f"{layer}, row {start} + {{}}: mean"
                tally.add(deviation, where, mean, own)
    return tally


def _changes(root: Path, video: str, metric: str, _steps: Steps, made: Path) -> None:
    measure_changes(root / "features" / f"{video}.h5", made, metric=metric)


def _pooled(root: Path, metric: str, thresholds: Mapping) -> Path | None:
    """The table of the set's ranges, if thresholds belong to the set."""
    return root / "ranges" / f"{metric}.tsv" if thresholds["scope"] == "set" else None


def _accumulators(root: Path, video: str, kind: str, steps: Steps, made: Path) -> None:
    thresholds = dict(steps["accumulate_changes"])
    del thresholds["kind"]
    metric, threshold = kind.split(".")
    accumulate_changes(
        root / "changes" / metric / f"{video}.tsv",
        _pooled(root, metric, thresholds),
        made,
        seed=thresholds.pop("seed"),
        video=video,
        kind=threshold,
        thresholds=thresholds,
    )


def _segments(root: Path, video: str, kind: str, steps: Steps, made: Path) -> None:
    segment_video(
        root / "accumulators" / kind / f"{video}.tsv",
        root / "changes" / kind.split(".")[0] / f"{video}.tsv",
        made,
        segments=steps["segment_video"],
    )


def _ranges(root: Path, stored: Path, steps: Steps, made: Path) -> None:
    videos = read_provenance(stored)["videos"]
    changes = {video: root / "changes" / stored.stem / f"{video}.tsv" for video in videos}
    pool_ranges(changes, made, thresholds=steps["pool_ranges"])


def _in_order(stored: Path) -> list[str]:
    """The set's videos in the order of a table, and then those that the table lacks."""
    return list(dict.fromkeys([*read_table(stored)["video"], *read_provenance(stored)["videos"]]))


def _summary(root: Path, stored: Path, _steps: Steps, made: Path) -> None:
    table = read_table(stored)
    kinds = (dict.fromkeys(table[name]) for name in ("metric", "threshold"))
    accumulators = {
        (video, metric, threshold): root / "accumulators" / f"{metric}.{threshold}" / f"{video}.tsv"
        for video, metric, threshold in itertools.product(_in_order(stored), *kinds)
    }
    summarise_counts(accumulators, made)


def _clips(root: Path, stored: Path, steps: Steps, made: Path, controls: Path) -> None:
    used, table, videos = steps["build_clip_table"], read_table(stored), _in_order(stored)
    build_clip_table(
        {video: root / "changes" / used["metric"] / f"{video}.tsv" for video in videos},
        {video: root / "pixels" / f"{video}.tsv" for video in videos},
        _pooled(root, used["metric"], used["thresholds"]),
        *(made, controls),
        groups=dict(zip(videos, videos, strict=True))
        | dict(zip(table["video"], table["group"], strict=True)),
        **used,
    )


def _fit(root: Path, kind: str, steps: Steps, predictions: Path, scores: Path) -> None:
    used = steps["fit_duration_model"]
    fit_duration_model(
        root / "clips" / f"{kind}.tsv",
        root / "clips" / "controls" / f"{kind}.tsv",
        *(predictions, scores, predictions.with_suffix(".skops")),
        **{"duration": used, "metric": used["metric"], "threshold": used["threshold"]},
    )
