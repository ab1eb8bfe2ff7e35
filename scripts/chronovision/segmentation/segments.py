"""Segments of a video: spans between moments at which most layers change saliently."""

import bisect
import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import read_blocks, read_header, read_values, write_table
from chronovision.core.timing import median_interval
from chronovision.salience.salient_frames import read_salient

COLUMNS = {
    "segment": ("number of the segment, 0-based", "index"),
    "start_frame": ("first row of the segment", "frame"),
    "n_frames": ("rows in the segment", "count"),
    "start_s": ("time of its first row", "s"),
    "duration_s": ("first to last row plus a median frame interval", "s"),
    "change": ("mean over layers of the change into its first row", "as the change"),
    "n_layers": ("layers that are salient at its first row", "count"),
}


def find_boundaries(
    salient: np.ndarray,
    strength: np.ndarray,
    time_s: np.ndarray,
    min_layers: int,
    min_duration_s: float,
) -> np.ndarray:
    """Frames at which segments begin, other than the first.

    Frames with at least `min_layers` salient layers are candidates. Of each run of
    neighbouring candidates the strongest stays. Then the strongest are taken first, and any
    within `min_duration_s` of a taken one is dropped.

    Parameters
    ----------
    salient : (n, layers) bool.
    strength : (n,) change, to choose between candidates; the earlier wins a tie.
    time_s : (n,) seconds.
    min_layers : count.
    min_duration_s : seconds.

    Returns
    -------
    (boundaries,) int64, increasing, never 0.
    """
    candidates = np.flatnonzero(salient[1:].sum(axis=1) >= min_layers) + 1
    runs = np.split(candidates, np.flatnonzero(np.diff(candidates) > 1) + 1)
    peaks = [int(run[np.argmax(strength[run])]) for run in runs if len(run)]
    taken: list[int] = []
    for peak in sorted(peaks, key=lambda frame: (-strength[frame], frame)):
        place = bisect.bisect(taken, peak)
        neighbours = taken[max(place - 1, 0) : place + 1]
        if all(abs(time_s[peak] - time_s[other]) >= min_duration_s for other in neighbours):
            taken.insert(place, peak)
    return np.array(taken, dtype=np.int64)


def layers_needed(min_layers: int | str, n_layers: int) -> int:
    """Number of layers that ``segments.min_layers`` asks for; ``majority`` is more than half."""
    return n_layers // 2 + 1 if min_layers == "majority" else int(min_layers)


def segment_table(
    boundaries: np.ndarray, time_s: np.ndarray, strength: np.ndarray, n_salient: np.ndarray
) -> pd.DataFrame:
    """Table of segments, see `COLUMNS`; together they cover all rows once."""
    starts = np.concatenate([[0], boundaries]).astype(np.int64)
    ends = np.concatenate([boundaries, [len(time_s)]]).astype(np.int64)
    return pd.DataFrame(
        {
            "segment": np.arange(len(starts)),
            "start_frame": starts,
            "n_frames": ends - starts,
            "start_s": time_s[starts],
            "duration_s": time_s[ends - 1] - time_s[starts] + median_interval(time_s),
            "change": np.concatenate([[np.nan], strength[boundaries]]),
            "n_layers": np.concatenate([[0], n_salient[boundaries]]).astype(np.int64),
        }
    )


def segment_video(
    accumulators_path: str | os.PathLike,
    changes_path: str | os.PathLike,
    output: str | os.PathLike,
    *,
    segments: Mapping,
) -> None:
    """Write the segments of one video under one metric and threshold.

    Parameters
    ----------
    accumulators_path, changes_path : tables of the same video and metric.
    output : TSV, see `COLUMNS`.
    segments : the config's ``segments``.
    """
    layers = read_header(changes_path)[3:]
    salient = read_salient(accumulators_path, layers)
    strength = np.concatenate([b[layers].mean(axis=1) for b in read_blocks(changes_path)])
    time_s = read_values(changes_path, ["time_s"])[:, 0]
    needed = layers_needed(segments["min_layers"], len(layers))
    boundaries = find_boundaries(salient, strength, time_s, needed, segments["min_duration_s"])
    table = segment_table(boundaries, time_s, strength, salient.sum(axis=1))
    provenance = read_provenance(accumulators_path)
    write_table(output, table, COLUMNS, add_step(provenance, "segment_video", segments, ["numpy"]))
