"""Pieces by time in which a long video goes through the network."""

import json
import math
import os
from pathlib import Path

from chronovision.videos.span import Span


def piece_names(info_path: str | os.PathLike, span: Span, minutes: float) -> list[str]:
    """Return the names of a video's pieces in order, ``01of12`` …; none if it is short enough.

    Parameters
    ----------
    info_path : path-like
        ``videos/{video}.json``.
    span : Span
        Part of the video that is used.
    minutes : float
        Longest duration of a piece in minutes, the config's ``features.chunk_minutes``.
    """
    info = json.loads(Path(info_path).read_text(encoding="utf-8"))
    duration_s = span.duration_s(info["duration_s"])
    count = math.ceil(duration_s / (60 * minutes))
    if count <= 1:
        return []
    return [f"{number:0{len(str(count))}d}of{count}" for number in range(1, count + 1)]


def piece_window(name: str, minutes: float) -> tuple[float, float]:
    """Start and end of a piece in seconds of `time_s`, which is 0 at the first analysed frame.

    The last piece takes what is left, however long the file's header says that the video is.
    """
    number, count = map(int, name.split("of"))
    end = math.inf if number == count else number * minutes * 60
    return (number - 1) * minutes * 60, end
