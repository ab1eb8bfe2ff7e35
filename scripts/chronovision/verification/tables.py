"""Verification of tables: each is computed again from its inputs and compared cell by cell.

A stage runs as the provenance of its table says, on the stored inputs. So a table that was changed
by hand, or is left over from other inputs or settings, does not agree.
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
from chronovision.core.results import Results
from chronovision.core.tables import BLOCK_ROWS, read_header, read_table
from chronovision.core.variants import Variant
from chronovision.duration.clips import build_clip_table
from chronovision.duration.model import fit_duration_model
from chronovision.inventory.current_set import CurrentSet
from chronovision.salience.accumulators import accumulate_changes
from chronovision.salience.changes import measure_changes
from chronovision.salience.counts import summarise_counts
from chronovision.salience.thresholds import pool_ranges
from chronovision.segmentation.segments import segment_video
from chronovision.verification.checks import Check, Tally, attempt

#: Relative deviation up to which cells hold. On one type of CPU and with the same versions, tables
#: are equal to the byte. Elsewhere an exponential or the order of a sum may differ by rounding.
ALLOWED = 1e-9
#: The same for predictions and scores. Linear algebra for different CPUs differed by 1.6e-7, and
#: support vectors are found to 1e-3 only.
ALLOWED_FIT = 1e-4
#: The same for channels, which are rounded to float32 (to 6e-8 of each).
ALLOWED_CHANNELS = 2e-7
#: Share of a column's largest number that is added to the divisor of relative deviations, since
#: numbers near zero are known no better.
FLOOR = 1e-4

#: Keys of a table's provenance with facts that its rows do not hold.
TOLD = ("design", "why_empty", "why_no_pixel_count")

Steps = Mapping[str, Mapping]


def video_tables(results: Results, video: str, current: CurrentSet) -> Iterator[Check]:
    """Check channels, changes, accumulators and segments of a video: all values of the set."""
    features = results.features(video=video)
    if features.is_file():
        yield attempt(video, "channels", partial(_channels, features))
    requested = partial(_requested, results, current)
    for metric, path in requested(results.changes.found(video=video)):
        make = partial(_changes, results, video, metric)
        yield _again(video, f"changes/{metric}", [path], make)
    for variant, path in requested(results.accumulators.found(video=video)):
        make = partial(_accumulators, results, video, variant)
        yield _again(video, f"accumulators/{variant}", [path], make)
    for variant, path in requested(results.segments.found(video=video)):
        make = partial(_segments, results, video, variant)
        yield _again(video, f"segments/{variant}", [path], make)


def set_tables(results: Results, current: CurrentSet) -> Iterator[Check]:
    """Check ranges, summary, clips with their controls, predictions and scores of the set.

    No predictions by another set's model, which lies elsewhere.
    """
    requested = partial(_requested, results, current)
    for metric, path in requested(results.ranges.found()):
        yield _again("", f"ranges/{metric}", [path], partial(_ranges, results, path))
    if results.summary().is_file():
        summary = results.summary()
        yield _again("", "summary", [summary], partial(_summary, results, summary))
    for variant, path in requested(results.clips.found()):
        both = [path, results.clip_controls(variant=variant)]
        yield _again("", f"clips/{variant}", both, partial(_clips, results, path))
    for variant, path in requested(results.predictions.found()):
        both = [path, results.scores(variant=variant)]
        make = partial(_fit, results, variant)
        yield _again("", f"duration/{variant}", both, make, ALLOWED_FIT)


def _requested(
    results: Results, current: CurrentSet, paths: Mapping[str, Path]
) -> list[tuple[str, Path]]:
    """Return those of `paths` that the current config asks for."""
    return [
        (key, path)
        for key, path in paths.items()
        if current.asks_for(path.relative_to(results.root))
    ]


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
    """Compare the provenance of two tables: their clips, and why rows or controls are missing.

    The tables of a set that gives no clips, or no model, have nothing else to compare.
    """
    one, other = read_provenance(stored), read_provenance(made)
    for key in TOLD:
        if key in one or key in other:
            same = one.get(key) == other.get(key)
            tally.add(0.0 if same else np.inf, f"{key} of {stored.name}")


def _channels(features: Path) -> Tally:
    """Compare the mean over all units, in every row, with the mean over the channels' means.

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


def _changes(results: Results, video: str, metric: str, _steps: Steps, made: Path) -> None:
    measure_changes(results.features(video=video), made, metric=metric)


def _pooled(results: Results, metric: str, thresholds: Mapping) -> Path | None:
    """Return the table of the set's ranges, if thresholds belong to the set."""
    return results.ranges(metric=metric) if thresholds["scope"] == "set" else None


def _accumulators(results: Results, video: str, variant: str, steps: Steps, made: Path) -> None:
    thresholds = dict(steps["accumulate_changes"])
    del thresholds["kind"]
    metric, threshold = Variant.parse(variant)
    ranges = _pooled(results, metric, thresholds)
    accumulate_changes(
        changes={metric: results.changes(metric=metric, video=video)},
        ranges={metric: ranges} if ranges else {},
        video=video,
        threshold=threshold,
        seed=thresholds.pop("seed"),
        thresholds=thresholds,
        tables={metric: made},
    )


def _segments(results: Results, video: str, variant: str, steps: Steps, made: Path) -> None:
    metric = Variant.parse(variant).metric
    segment_video(
        accumulators={metric: results.accumulators(variant=variant, video=video)},
        changes={metric: results.changes(metric=metric, video=video)},
        segments=steps["segment_video"],
        tables={metric: made},
    )


def _ranges(results: Results, stored: Path, steps: Steps, made: Path) -> None:
    videos = read_provenance(stored)["videos"]
    changes = {video: results.changes(metric=stored.stem, video=video) for video in videos}
    pool_ranges(changes, made, thresholds=steps["pool_ranges"])


def _in_order(stored: Path) -> list[str]:
    """Return the set's videos in the order of a table, followed by those that the table lacks."""
    return list(dict.fromkeys([*read_table(stored)["video"], *read_provenance(stored)["videos"]]))


def _summary(results: Results, stored: Path, _steps: Steps, made: Path) -> None:
    table = read_table(stored)
    names = (dict.fromkeys(table[name]) for name in ("metric", "threshold"))
    variants = list(itertools.starmap(Variant, itertools.product(*names)))
    accumulators = {
        (variant, video): results.accumulators(variant=variant, video=video)
        for video, variant in itertools.product(_in_order(stored), variants)
    }
    summarise_counts(accumulators=accumulators, table=made)


def _clips(results: Results, stored: Path, steps: Steps, made: Path, controls: Path) -> None:
    used, table, videos = steps["build_clip_table"], read_table(stored), _in_order(stored)
    groups = dict(zip(table["video"], table["group"], strict=True))
    build_clip_table(
        changes={video: results.changes(metric=used["metric"], video=video) for video in videos},
        pixels={video: results.pixels(video=video) for video in videos},
        ranges=_pooled(results, used["metric"], used["thresholds"]),
        groups={video: groups.get(video, video) for video in videos},
        **used,
        table=made,
        controls=controls,
    )


def _fit(results: Results, variant: str, steps: Steps, predictions: Path, scores: Path) -> None:
    used = steps["fit_duration_model"]
    fit_duration_model(
        clips=results.clips(variant=variant),
        controls=results.clip_controls(variant=variant),
        duration=used,
        metric=used["metric"],
        threshold=used["threshold"],
        predictions=predictions,
        scores=scores,
        model=predictions.with_suffix(".skops"),
    )
