"""The clip table: clips of many durations cut from the videos, and the salient changes in each."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chronovision.core.columns import COUNT, change_layers
from chronovision.core.provenance import add_step, merge, read_provenance
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import read_table, write_table
from chronovision.core.timing import median_interval, nominal_interval, span_duration
from chronovision.duration.clip_design import Design, Footage, describe_design, left_out, plan_clips
from chronovision.duration.comparability import NoFitError
from chronovision.duration.counting import Clip, Series, count_dynamic, count_static
from chronovision.duration.pixel_control import (
    PIXELS,
    pixel_ranges,
    pixel_thresholds,
    why_not_counted,
)
from chronovision.duration.sampling import sample_clips
from chronovision.errors import UserError
from chronovision.salience.accumulators import noise_sd
from chronovision.salience.thresholds import Thresholds, video_thresholds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Video:
    """Arrays that a clip table needs of one video.

    They are the times (n,) in seconds, and the changes of the layers and of the pixels.
    """

    time_s: np.ndarray
    changes: np.ndarray
    pixels: np.ndarray


def permute_in_time(changes: np.ndarray, seed: int, video: str) -> np.ndarray:
    """Return `changes` in a random order of time, the same order for all layers.

    Parameters
    ----------
    changes : (steps, layers) float64 array
        Changes of a video.
    seed : int
        The config's ``seed``.
    video : str
        Id of the video. The order depends on it.

    Returns
    -------
    (steps, layers) float64 array

    Examples
    --------
    >>> changes = np.arange(6.0).reshape(3, 2)
    >>> permuted = permute_in_time(changes, 0, "film")
    >>> bool(np.all(permuted[:, 1] - permuted[:, 0] == 1)), sorted(permuted[:, 0].tolist())
    (True, [0.0, 2.0, 4.0])
    """
    return derive_rng(seed, "permuted", video).permutation(changes, axis=0)


def assemble_series(
    videos: Mapping[str, Video],
    layers: Sequence[str],
    ranges: str | os.PathLike | None,
    thresholds: Mapping,
    seed: int,
    pixels: Mapping[str, Thresholds] | None,
) -> dict[str, Series]:
    """Assemble the series of each video: changes of layers, the same permuted in time, of pixels.

    Thresholds are those of the whole video, or of the set if `ranges` is given. Permuted changes
    are counted with the thresholds and the noise of the true ones. The pixels have the thresholds
    in `pixels`; without these their change is left out.

    Returns
    -------
    dict of str to Series
        Video -> series with 2·layers + 1 columns, or 2·layers without the pixels.
    """
    dynamic = thresholds.get("dynamic")
    series = {}
    for name, video in videos.items():
        own = video_thresholds(video.changes, list(layers), thresholds, ranges)
        joined, names = own.beside(own), (*layers, *layers)
        changes, dt_s = video.changes[1:], np.diff(video.time_s)
        columns = [changes, permute_in_time(changes, seed, name)]
        if pixels is not None:
            joined, names = joined.beside(pixels[name]), (*names, PIXELS)
            columns.append(video.pixels[1:])
        series[name] = Series(
            np.column_stack(columns),
            joined,
            noise_sd(joined, dt_s, dynamic) if dynamic else None,
            names,
            dt_s,
        )
    return series


def build_clip_table(
    *,
    changes: Mapping[str, str | os.PathLike],
    pixels: Mapping[str, str | os.PathLike],
    ranges: str | os.PathLike | None,
    groups: Mapping[str, str],
    metric: str,
    threshold: str,
    thresholds: Mapping,
    clips: Mapping,
    seed: int,
    table: str | os.PathLike,
    controls: str | os.PathLike,
) -> None:
    """Cut clips from every video and write the number of salient changes in each.

    If no clips can be cut, the tables have no rows, and the provenance says why (``why_empty``).
    Otherwise it holds the clips' ``design``, see
    `chronovision.duration.clip_design.describe_design`. If the pixels cannot be counted,
    ``pixel_count`` is ``n/a``, and ``why_no_pixel_count`` says why.

    Parameters
    ----------
    changes : mapping of str to path-like
        Video -> table of changes of this metric.
    pixels : mapping of str to path-like
        Video -> table of the pixels.
    ranges : path-like or None
        Table of the set's ranges if ``thresholds.scope`` is ``set``, else None.
    groups : mapping of str to str
        Video -> group.
    metric : str
        Metric of the changes.
    threshold : {'static', 'dynamic'}
        Kind of threshold.
    thresholds : mapping
        The config's ``thresholds``, without ``dynamic`` for the static threshold.
    clips : mapping
        The config's ``clips``; the static threshold does not need ``repeats``.
    seed : int
        The config's ``seed``.
    table : path-like
        TSV to write with ``clip video group repeat start_frame n_frames start_s duration_s`` and
        ``<layer>_count`` for each layer.
    controls : path-like
        TSV to write of the same rows with ``clip repeat``, ``permuted_<layer>_count`` for each
        layer (the video's changes in random order) and ``pixel_count`` (changes of the pixels).

    Raises
    ------
    UserError
        The videos' features are not comparable, or a table of pixels is not of the same frames.
    """
    layers, videos = _read_videos(changes, pixels)
    config: dict[str, Any] = {"metric": metric, "threshold": threshold, "thresholds": thresholds}
    config |= {"clips": clips, "seed": seed}
    provenance = _provenance(changes, videos, config)
    sampled, counts, about = _cut_and_count(videos, layers, ranges, config)
    provenance |= about
    rows = _describe_clips(sampled, videos, groups, counts.shape[1])
    _write_counts(rows, counts, layers, provenance, table=table, controls=controls)


def _cut_and_count(
    videos: Mapping[str, Video],
    layers: Sequence[str],
    ranges: str | os.PathLike | None,
    config: Mapping,
) -> tuple[list[Clip], np.ndarray, dict[str, Any]]:
    """Return clips, their counts (rows, repeats, series), and their part of the provenance."""
    thresholds, clips, seed = (config[key] for key in ("thresholds", "clips", "seed"))
    footage = {name: Footage.of(video.time_s) for name, video in videos.items()}
    try:
        design = plan_clips(footage, clips)
    except NoFitError as error:
        log.warning("no clips: %s", error)
        counts = np.empty((0, 1, 2 * len(layers) + 1), dtype=np.int64)
        return [], counts, {"why_empty": error.record()}
    times = {name: video.time_s for name, video in videos.items()}
    sampled = sample_clips(times, design, clips, seed)
    about = {"design": _record(design, footage, sampled)}
    control, why = _pixel_control(videos, thresholds, pooled=ranges is not None)
    if why:
        about["why_no_pixel_count"] = why
    series = assemble_series(videos, layers, ranges, thresholds, seed, control)
    dynamic = thresholds["dynamic"] if config["threshold"] == "dynamic" else None
    return sampled, _count(sampled, series, dynamic, clips.get("repeats", 1), seed), about


def _provenance(
    changes: Mapping[str, str | os.PathLike], videos: Mapping[str, Video], config: dict
) -> dict[str, Any]:
    """Return the provenance of the tables, with each video's intervals from row to row."""
    provenance = merge({video: read_provenance(path) for video, path in changes.items()})
    for name, video in videos.items():
        intervals = {
            "frame_interval_s": nominal_interval(video.time_s),
            "mean_interval_s": span_duration(video.time_s) / len(video.time_s),
        }
        provenance["videos"][name] = {**provenance["videos"][name], **intervals}
    return add_step(provenance, "build_clip_table", config, ["numpy", "pandas"])


def _pixel_control(
    videos: Mapping[str, Video], thresholds: Mapping, *, pooled: bool
) -> tuple[dict[str, Thresholds] | None, dict[str, str] | None]:
    """Return the thresholds of the pixels' change, or why it cannot be counted."""
    pixels = {name: video.pixels for name, video in videos.items()}
    ranges = pixel_ranges(pixels, thresholds, pooled=pooled)
    if why := why_not_counted(ranges, thresholds):
        told = "the control of pixel changes was not counted: %s: %s"
        log.warning(told, why["reason"], why["remedy"])
        return None, why
    return pixel_thresholds(ranges, thresholds), None


def _write_counts(
    rows: pd.DataFrame,
    counts: np.ndarray,
    layers: Sequence[str],
    provenance: Mapping,
    *,
    table: str | os.PathLike,
    controls: str | os.PathLike,
) -> None:
    """Write table and controls: the counts (lengths, repeats, series) beside their `rows`."""
    names = [f"{prefix}{layer}{COUNT}" for prefix in ("", "permuted_") for layer in layers]
    names.append("pixel_count")
    counts = counts.reshape(len(rows), counts.shape[-1])
    columns = pd.DataFrame(counts, columns=names[: counts.shape[1]]).reindex(columns=names)
    real, control = columns.iloc[:, : len(layers)], columns.iloc[:, len(layers) :]
    meaning = _column_meanings(layers)
    write_table(table, pd.concat([rows, real], axis=1), meaning, provenance)
    control = pd.concat([rows[["clip", "repeat"]], control], axis=1)
    write_table(controls, control, meaning, provenance)


def _record(design: Design, footage: Mapping[str, Footage], clips: Sequence[Clip]) -> dict:
    """Return the design for a table's provenance, and log what is left out."""
    record = describe_design(design, footage, ((clip.video, clip.n_frames) for clip in clips))
    log.info("%d clips of %d videos", record["n_clips"], record["n_videos"])
    for clause in left_out(record):
        log.warning("left out of the clips: %s", clause)
    return record


def _count(
    clips: Sequence[Clip],
    series: Mapping[str, Series],
    dynamic: Mapping | None,
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Return counts (rows, repeats, series); by the static threshold if `dynamic` is None."""
    if dynamic is None:
        return count_static(clips, series)
    return count_dynamic(
        clips,
        series,
        dynamic=dynamic,
        seed=seed,
        repeats=repeats,
    )


def _read_videos(
    changes: Mapping[str, str | os.PathLike], pixels: Mapping[str, str | os.PathLike]
) -> tuple[list[str], dict[str, Video]]:
    videos = {}
    for name, path in changes.items():
        table, pixel_table = read_table(path), read_table(pixels[name])
        if not np.array_equal(table["time_s"], pixel_table["time_s"]):
            raise UserError(
                f"{path} and {pixels[name]} are not of the same frames: delete both, so that "
                f"they are made again"
            )
        layers = change_layers(table.columns)
        videos[name] = Video(
            table["time_s"].to_numpy(),
            table[layers].to_numpy(),
            pixel_table["pixel_change"].to_numpy(),
        )
    return layers, videos


def _describe_clips(
    clips: Sequence[Clip], videos: Mapping[str, Video], groups: Mapping[str, str], repeats: int
) -> pd.DataFrame:
    """Return the table's columns beside the counts, with a row for each length and repeat."""
    names = ("clip", "video", "group", "repeat", "start_frame", "n_frames", "start_s", "duration_s")
    rows = []
    numbers = dict.fromkeys(videos, 0)
    intervals = {name: median_interval(video.time_s) for name, video in videos.items()}
    for clip in clips:
        numbers[clip.video] += 1
        name = f"{clip.video}-{numbers[clip.video]:04d}"
        time_s = videos[clip.video].time_s
        for snapshot, length in enumerate(clip.lengths):
            last = clip.start + length - 1
            row = {
                "clip": f"{name}s{snapshot}" if snapshot else name,
                "video": clip.video,
                "group": groups[clip.video],
                "repeat": 0,
                "start_frame": clip.start,
                "n_frames": length,
                "start_s": time_s[clip.start],
                "duration_s": time_s[last] - time_s[clip.start] + intervals[clip.video],
            }
            rows.append(row)
    table = pd.DataFrame(rows, columns=names)
    table = table.loc[table.index.repeat(repeats)].reset_index(drop=True)
    table["repeat"] = np.tile(np.arange(repeats), len(rows))
    return table


def _column_meanings(layers: Sequence[str]) -> dict[str, tuple[str, str]]:
    meaning = {
        "clip": ("clip; a suffix s1, s2 … marks a snapshot, its run up to an earlier time", "id"),
        "video": ("video that the clip is from", "id"),
        "group": ("group of that video; folds never split it", "id"),
        "repeat": ("noise seed of the dynamic threshold; 0 for the static one", "index"),
        "start_frame": ("first frame, row of the analysed series, 0-based", "frame"),
        "n_frames": ("frames of the clip; it holds one change less", "frame"),
        "start_s": ("time of the first frame", "s"),
        "duration_s": ("time from first to last frame, and one median frame interval", "s"),
        "pixel_count": (
            "control: salient changes of the pixels (mean |ΔRGB|); n/a if not counted",
            "count",
        ),
    }
    for layer in layers:
        meaning[f"{layer}{COUNT}"] = (f"salient changes of {layer} in the clip", "count")
        meaning[f"permuted_{layer}{COUNT}"] = (
            f"control: the same for the video's changes of {layer} in random order of time",
            "count",
        )
    return meaning
