"""Dictionaries of paths, keyed by the parts of a path that tell files apart."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

from chronovision.core.variants import Variant

#: Key -> path.
Paths = Mapping[str, str | PathLike]
#: Variant -> path.
VariantPaths = Mapping[Variant, str | PathLike]


def by_folder(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """Map the name of the folder to the path, e.g. ``correlation`` for a table of changes."""
    return {Path(path).parent.name: Path(path) for path in paths}


def by_metric(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """Metric -> path, of files that lie in a folder for each metric (and threshold)."""
    return {folder.partition(".")[0]: path for folder, path in by_folder(paths).items()}


def by_stem(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """Map the file name without its last suffix to the path, e.g. video ids or names of figures."""
    return {Path(path).stem: Path(path) for path in paths}


def by_variant_folder(paths: Iterable[str | PathLike]) -> dict[Variant, Path]:
    """Map the variant in the folder's name to the path, e.g. of tables of accumulators."""
    return {Variant.parse(name): path for name, path in by_folder(paths).items()}


def by_variant_stem(paths: Iterable[str | PathLike]) -> dict[Variant, Path]:
    """Map the variant in the file's name to the path, e.g. of clip tables."""
    return {Variant.parse(name): path for name, path in by_stem(paths).items()}


def by_variant_and_video(paths: Iterable[str | PathLike]) -> dict[tuple[Variant, str], Path]:
    """Map (variant in the folder's name, file name without suffix) to the path of a table."""
    return {(Variant.parse(Path(path).parent.name), Path(path).stem): Path(path) for path in paths}
