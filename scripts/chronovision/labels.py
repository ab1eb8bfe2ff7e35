"""Names that figures and report share: of metrics and thresholds, and of files by their place."""

from collections.abc import Iterable
from fractions import Fraction
from os import PathLike
from pathlib import Path

#: Metric -> (name in prose, axis label with its unit).
METRICS = {
    "correlation": ("1 − Pearson r", "1 − r (no unit)"),
    "euclidean": ("Euclidean distance", "Euclidean distance (activation units)"),
    "cosine": ("1 − cosine similarity", "1 − cosine (no unit)"),
}


def by_folder(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """Name of the folder -> path, e.g. ``correlation.static`` for an accumulator table."""
    return {Path(path).parent.name: Path(path) for path in paths}


def by_stem(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """File name without its last suffix -> path, e.g. video ids or names of figures."""
    return {Path(path).stem: Path(path) for path in paths}


def by_kind_and_video(paths: Iterable[str | PathLike]) -> dict[tuple[str, str], Path]:
    """(folder, file name without suffix) -> path, e.g. of tables of segments."""
    return {(Path(path).parent.name, Path(path).stem): Path(path) for path in paths}


def kind_label(kind: str) -> str:
    """``metric.threshold`` in words, e.g. ``1 − Pearson r, static threshold``."""
    metric, threshold = kind.split(".")
    return f"{METRICS[metric][0]}, {threshold} threshold"


def written_step(step_s: float) -> str:
    """A step in seconds as a config may have it: 1/6 rather than 0.166667."""
    fraction = Fraction(step_s).limit_denominator(1000)
    is_equal = abs(fraction - Fraction(step_s)) < Fraction(1, 10**9)
    decimals = f"{step_s:.6g}"
    return min(decimals, str(fraction), key=len) if is_equal else decimals
