"""What files are told apart by: the folder that they lie in, and their names."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path


def by_folder(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """Name of the folder -> path, e.g. ``correlation.static`` for an accumulator table."""
    return {Path(path).parent.name: Path(path) for path in paths}


def by_stem(paths: Iterable[str | PathLike]) -> dict[str, Path]:
    """File name without its last suffix -> path, e.g. video ids or names of figures."""
    return {Path(path).stem: Path(path) for path in paths}


def by_kind_and_video(paths: Iterable[str | PathLike]) -> dict[tuple[str, str], Path]:
    """(folder, file name without suffix) -> path, e.g. of tables of segments."""
    return {(Path(path).parent.name, Path(path).stem): Path(path) for path in paths}
