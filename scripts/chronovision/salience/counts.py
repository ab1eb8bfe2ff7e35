"""The summary: counts of salient changes of every video, metric and threshold in one table."""

import os
from collections.abc import Mapping

import pandas as pd

from chronovision.core.columns import layer_columns
from chronovision.core.provenance import add_step, join_variants, merge, read_provenance
from chronovision.core.tables import read_header, read_table, write_table
from chronovision.core.timing import span_duration
from chronovision.core.variants import Variant


def summarise_counts(
    accumulators: Mapping[tuple[str, str, str], str | os.PathLike], output: str | os.PathLike
) -> None:
    """Write the final counts of all accumulators, one row each.

    Parameters
    ----------
    accumulators : mapping of (str, str, str) to path-like
        (video, metric, threshold) -> table of accumulators, in the order of the rows.
    output : path-like
        TSV ``video metric threshold n_frames duration_s <layer>_count …``.

    Raises
    ------
    UserError
        The videos' features are not comparable.
    """
    rows: list[dict] = []
    records: dict[str, dict] = {}
    for (video, metric, threshold), path in accumulators.items():
        names = [*layer_columns(read_header(path)).values()]
        table = read_table(path, ["time_s", *names])
        records.setdefault(video, {})[str(Variant(metric, threshold))] = read_provenance(path)
        counts = {name: table[name].iloc[-1] for name in names}
        about = {"video": video, "metric": metric, "threshold": threshold, "n_frames": len(table)}
        rows.append({**about, "duration_s": span_duration(table["time_s"].to_numpy()), **counts})
    meaning = {
        "video": ("id in the videos table", "name"),
        "metric": ("metric of change", "name"),
        "threshold": ("kind of threshold", "name"),
        "n_frames": ("analysed frames", "count"),
        "duration_s": ("first to last frame plus a median frame interval", "s"),
    }
    for layer, name in layer_columns(rows[0]).items():
        meaning[name] = (f"salient changes of {layer} over the video", "count")
    joined = {video: join_variants(own) for video, own in records.items()}
    provenance = add_step(merge(joined), "summarise_counts", {}, ["pandas"])
    write_table(output, pd.DataFrame(rows), meaning, provenance)
