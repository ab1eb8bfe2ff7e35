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
    *, accumulators: Mapping[tuple[Variant, str], str | os.PathLike], table: str | os.PathLike
) -> None:
    """Write the final counts of all accumulators, one row each.

    Parameters
    ----------
    accumulators : mapping of (Variant, str) to path-like
        (variant, video) -> table of accumulators, in the order of the rows.
    table : path-like
        TSV ``video metric threshold n_frames duration_s <layer>_count …``.

    Raises
    ------
    UserError
        The videos' features are not comparable.
    """
    rows: list[dict] = []
    records: dict[str, dict] = {}
    for (variant, video), path in accumulators.items():
        names = [*layer_columns(read_header(path)).values()]
        counted = read_table(path, ["time_s", *names])
        records.setdefault(video, {})[str(variant)] = read_provenance(path)
        about = {
            "video": video,
            "metric": variant.metric,
            "threshold": variant.threshold,
            "n_frames": len(counted),
            "duration_s": span_duration(counted["time_s"].to_numpy()),
        }
        rows.append({**about, **{name: counted[name].iloc[-1] for name in names}})
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
    write_table(table, pd.DataFrame(rows), meaning, provenance)
