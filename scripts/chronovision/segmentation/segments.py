"""Event segmentation: a video is divided at frames where most layers change saliently."""

import bisect
import os
from collections.abc import Mapping

import numpy as np
import pandas as pd

from chronovision.core.columns import change_layers
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import read_blocks, read_header, read_values, write_table
from chronovision.core.timing import median_interval
from chronovision.salience.salient_frames import read_salient

#: Columns of the table of segments: name -> (meaning, unit).
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
    boundary_strength: np.ndarray,
    time_s: np.ndarray,
    min_layers: int,
    min_duration_s: float,
) -> np.ndarray:
    """Find the event boundaries of a video: the first frame of each segment but the first.

    Frames with at least `min_layers` salient layers are candidates. Of each run of neighbouring
    candidates the strongest stays. Then boundaries are taken in order of strength, and a candidate
    within `min_duration_s` of a taken one is dropped.

    Parameters
    ----------
    salient : (n, layers) bool array
        Salient changes.
    boundary_strength : (n,) float64 array
        Change into each frame, to choose between candidates; of equal ones the earlier is taken.
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    min_layers : int
        Least number of salient layers.
    min_duration_s : float
        Least time between two boundaries, in seconds.

    Returns
    -------
    (boundaries,) int64 array
        Increasing rows, never 0.

    Examples
    --------
    >>> salient = np.array([[0, 0], [1, 1], [1, 1], [0, 1], [1, 1]], dtype=bool)
    >>> strength, time_s = np.array([np.nan, 0.2, 0.9, 0.1, 0.5]), np.arange(5.0)
    >>> find_boundaries(salient, strength, time_s, min_layers=2, min_duration_s=0.5)
    array([2, 4])
    >>> find_boundaries(salient, strength, time_s, min_layers=2, min_duration_s=3.0)
    array([2])
    """
    candidates = np.flatnonzero(salient[1:].sum(axis=1) >= min_layers) + 1
    runs = np.split(candidates, np.flatnonzero(np.diff(candidates) > 1) + 1)
    peaks = [int(run[np.argmax(boundary_strength[run])]) for run in runs if len(run)]
    taken: list[int] = []
    for peak in sorted(peaks, key=lambda frame: (-boundary_strength[frame], frame)):
        place = bisect.bisect(taken, peak)
        neighbours = taken[max(place - 1, 0) : place + 1]
        if all(abs(time_s[peak] - time_s[other]) >= min_duration_s for other in neighbours):
            taken.insert(place, peak)
    return np.array(taken, dtype=np.int64)


def layers_needed(min_layers: int | str, n_layers: int) -> int:
    """Return the number of layers that ``segments.min_layers`` asks for; ``majority`` is over half.

    Examples
    --------
    >>> layers_needed("majority", 4), layers_needed(1, 4)
    (3, 1)
    """
    return n_layers // 2 + 1 if min_layers == "majority" else int(min_layers)


def segment_table(
    boundaries: np.ndarray, time_s: np.ndarray, boundary_strength: np.ndarray, n_salient: np.ndarray
) -> pd.DataFrame:
    """Return the table of segments, see `COLUMNS`; together they cover every row once.

    Parameters
    ----------
    boundaries : (boundaries,) int64 array
        See `find_boundaries`.
    time_s : (n,) float64 array
        Times of the frames, in seconds.
    boundary_strength : (n,) float64 array
        Mean change over layers.
    n_salient : (n,) int64 array
        Number of salient layers.

    Examples
    --------
    >>> table = segment_table(np.array([2]), np.arange(4.0), np.full(4, 0.5), np.full(4, 3))
    >>> table[["start_s", "duration_s"]].to_numpy().tolist()
    [[0.0, 2.0], [2.0, 2.0]]
    """
    starts = np.concatenate([[0], boundaries]).astype(np.int64)
    ends = np.concatenate([boundaries, [len(time_s)]]).astype(np.int64)
    return pd.DataFrame(
        {
            "segment": np.arange(len(starts)),
            "start_frame": starts,
            "n_frames": ends - starts,
            "start_s": time_s[starts],
            "duration_s": time_s[ends - 1] - time_s[starts] + median_interval(time_s),
            "change": np.concatenate([[np.nan], boundary_strength[boundaries]]),
            "n_layers": np.concatenate([[0], n_salient[boundaries]]).astype(np.int64),
        }
    )


def segment_video(
    *,
    accumulators: Mapping[str, str | os.PathLike],
    changes: Mapping[str, str | os.PathLike],
    segments: Mapping,
    tables: Mapping[str, str | os.PathLike],
) -> None:
    """Write the segments of one video, for every metric, under one threshold.

    Parameters
    ----------
    accumulators, changes : mapping of str to path-like
        Metric -> table, all of one video and threshold.
    segments : mapping
        The config's ``segments``.
    tables : mapping of str to path-like
        Metric -> TSV to write, see `COLUMNS`.
    """
    for metric, output in tables.items():
        layers = change_layers(read_header(changes[metric]))
        salient = read_salient(accumulators[metric], layers)
        blocks = read_blocks(changes[metric])
        boundary_strength = np.concatenate([block[layers].mean(axis=1) for block in blocks])
        time_s = read_values(changes[metric], ["time_s"])[:, 0]
        needed = layers_needed(segments["min_layers"], len(layers))
        boundaries = find_boundaries(
            salient, boundary_strength, time_s, needed, segments["min_duration_s"]
        )
        table = segment_table(boundaries, time_s, boundary_strength, salient.sum(axis=1))
        record = read_provenance(accumulators[metric])
        provenance = add_step(record, "segment_video", segments, ["numpy"])
        write_table(output, table, COLUMNS, provenance)
