"""What bfloat16 changes: compares the results of the same videos in either precision.

precision.py FLOAT32 BFLOAT16 prints two tables in Markdown. Both results folders need
accumulators/summary.tsv.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from chronovision.core.results import Results
from chronovision.core.tables import read_table

#: Classes of 1 − r. Below the first, a difference is rounding in float32, too.
CLASSES = ((1e-8, 1e-5), (1e-5, 1e-3), (1e-3, 1e-2), (1e-2, 2.0))


def compare_changes(exact: Path, fast: Path, videos: list[str]) -> pd.DataFrame:
    """Relative errors of 1 − r, |fast − exact| / exact, over the frames of some videos.

    Returns
    -------
    Per layer and class of 1 − r: layer, low, high, n, and median and p95 of the error.
    """
    one, other = (_changes(folder, videos) for folder in (exact, fast))
    rows = []
    for layer in one:
        error = np.abs(other[layer] - one[layer]) / one[layer]
        for low, high in CLASSES:
            chosen = error[(one[layer] > low) & (one[layer] <= high)]
            median, p95 = chosen.quantile([0.5, 0.95])
            rows.append((layer, low, high, len(chosen), median, p95))
    return pd.DataFrame(rows, columns=["layer", "low", "high", "n", "median", "p95"])


def _changes(folder: Path, videos: list[str]) -> pd.DataFrame:
    tables = (
        read_table(Results(folder).changes(metric="correlation", video=video)) for video in videos
    )
    return pd.concat([table.iloc[1:, 3:] for table in tables], ignore_index=True)


def compare_counts(exact: Path, fast: Path) -> pd.DataFrame:
    """Counts by 1 − r: video, threshold, layer, exact, fast."""
    one, other = (_counts(folder) for folder in (exact, fast))
    merged = one.merge(other, on=["video", "threshold", "layer"], suffixes=("_1", "_2"))
    return merged.rename(columns={"count_1": "exact", "count_2": "fast"})


def _counts(folder: Path) -> pd.DataFrame:
    table = read_table(Results(folder).summary())
    table = table[table["metric"] == "correlation"]
    counts = [name for name in table.columns if name.endswith("_count")]
    long = table.melt(["video", "threshold"], counts, "layer", "count")
    return long.assign(layer=long["layer"].str.removesuffix("_count"))


def changes_markdown(errors: pd.DataFrame) -> str:
    """A line per class, a column per layer: median error, and what 95 % of errors stay below."""
    layers = list(dict.fromkeys(errors["layer"]))
    lines = [f"| 1 − r | {' | '.join(layers)} |", "|---" * (len(layers) + 1) + "|"]
    for (low, high), rows in errors.groupby(["low", "high"], sort=False):
        cells = [
            f"{_percent(row.median)}, {_percent(row.p95)}" if row.n else "–"
            for row in rows.itertuples()
        ]
        name = f"{low:g} to {high:g}" if high < 2 else f"above {low:g}"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def counts_markdown(counts: pd.DataFrame) -> str:
    """A line per threshold, a column per layer: sums over the videos, and how many differ."""
    layers = list(dict.fromkeys(counts["layer"]))
    lines = [f"| threshold | {' | '.join(layers)} |", "|---" * (len(layers) + 1) + "|"]
    for threshold, rows in counts.groupby("threshold", sort=False):
        cells = []
        for layer in layers:
            of_layer = rows[rows["layer"] == layer]
            differ = int((of_layer["exact"] != of_layer["fast"]).sum())
            sums = f"{of_layer['exact'].sum()} → {of_layer['fast'].sum()}"
            cells.append(f"{sums} ({differ} of {len(of_layer)} differ)")
        lines.append(f"| {threshold} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"×{1 + share:.2g}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exact", type=Path, metavar="FLOAT32", help="results in float32")
    parser.add_argument("fast", type=Path, metavar="BFLOAT16", help="results in bfloat16")
    parser.add_argument("--videos", nargs="+", help="videos to compare [all]")
    asked = parser.parse_args()
    found = compare_counts(asked.exact, asked.fast)
    videos = asked.videos or sorted(set(found["video"]))
    print(changes_markdown(compare_changes(asked.exact, asked.fast, videos)), end="\n\n")
    print(counts_markdown(found[found["video"].isin(videos)]))
