"""The table of videos: ids, files and what else a user may say of them."""

import csv
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from chronovision.errors import UserError
from chronovision.settings import UNCARRIABLE, did_you_mean

REQUIRED = ("video", "path")
OPTIONAL = ("group", "scene", "start_s", "end_s", "stream")

#: Ids become file names and Snakemake wildcards.
VIDEO_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Names of the set's own pages and folders, beside those of the videos.
RESERVED = ("index", "set")


@dataclass(frozen=True)
class Video:
    """One row of the table; `path` is absolute."""

    video: str
    path: str
    group: str
    scene: str | None
    start_s: float | None
    end_s: float | None
    stream: int | None

    @property
    def span(self) -> tuple[float | None, float | None]:
        """``(start_s, end_s)``."""
        return self.start_s, self.end_s


def find_table(path: str, project: str | os.PathLike) -> Path:
    """A relative path counts from the working directory, else from the project's folder.

    Raises
    ------
    UserError : neither is there.
    """
    candidates = [Path(path), Path(project) / path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise UserError(
        f"videos: no such table {candidates[0].absolute()}; write it (tab-separated, columns "
        "`video path`), or name another under the key `videos`"
    )


def read_videos(path: str | os.PathLike) -> dict[str, Video]:
    """Read and check the table of videos.

    Parameters
    ----------
    path : TSV with the columns ``video path`` and optionally ``group scene start_s end_s
        stream``; empty and ``n/a`` mean missing. Relative paths count from its folder.

    Returns
    -------
    id -> Video, in the table's order. Whether the files exist is not checked here, so that
    one missing file does not stop the other videos.

    Raises
    ------
    UserError : anything wrong with the table, naming its line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a table ({error})") from error
    lines = list(csv.reader(re.split(r"\r\n|\r|\n", text), delimiter="\t", quoting=csv.QUOTE_NONE))
    header = [name.strip() for name in lines[0]] if lines else []
    _check_header(path, header)
    videos: dict[str, Video] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, line {number}"
        if len(cells) > len(header):
            raise UserError(f"{where}: {len(cells)} cells under {len(header)} columns")
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        video = _read_row(where, {k: v for k, v in row.items() if v not in ("", "n/a")}, path)
        _check_unique(where, video.video, videos)
        videos[video.video] = video
    if not videos:
        raise UserError(
            f"{path}: the table names no video: add a line for each, id and path apart by a tab"
        )
    return videos


def _check_header(path: Path, header: list[str]) -> None:
    for name in REQUIRED:
        if name not in header:
            raise UserError(
                f"{path}: no column `{name}` in its first line; it must be tab-separated and begin "
                f"with the names {' '.join(REQUIRED)}"
            )
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            raise UserError(
                f"{path}: unknown column `{name}`: {did_you_mean(name, REQUIRED + OPTIONAL)}"
            )
    if len(set(header)) < len(header):
        raise UserError(f"{path}: a column stands twice in its first line")


def _read_row(where: str, row: dict[str, str], table: Path) -> Video:
    for name in REQUIRED:
        if name not in row:
            raise UserError(f"{where}: no {name}")
    video = row["video"]
    if not VIDEO_ID.fullmatch(video) or video.casefold() in RESERVED:
        raise UserError(
            f"{where}: {video!r} cannot be a video id: use letters, digits, . _ - (at most 100, "
            f"beginning with a letter or digit) and not {' or '.join(RESERVED)}"
        )
    path = os.path.abspath(table.parent / os.path.expanduser(row["path"]))
    if UNCARRIABLE.search(path):
        raise UserError(
            f"{where}: the path {path!r} holds braces, a <name> or control characters, which "
            "Snakemake cannot carry: rename the file or link to it"
        )
    start_s, end_s = (_number(where, name, row.get(name)) for name in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UserError(f"{where}: end_s = {end_s} is not after start_s = {start_s or 0.0}")
    return Video(
        video=video,
        path=path,
        group=row.get("group", video),
        scene=row.get("scene"),
        start_s=start_s,
        end_s=end_s,
        stream=_index(where, row.get("stream")),
    )


def _check_unique(where: str, video: str, videos: dict[str, Video]) -> None:
    """Ids that differ in case alone would share files on some systems."""
    for other in videos:
        if other.casefold() == video.casefold():
            raise UserError(
                f"{where}: the id {video!r} stands twice (line of {other!r}): rename one"
            )


def _number(where: str, name: str, cell: str | None) -> float | None:
    if cell is None:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UserError(f"{where}: {name} = {cell!r} is not a time in seconds, 0 or more")
    return value


def _index(where: str, cell: str | None) -> int | None:
    if cell is None:
        return None
    if not cell.isdecimal():
        raise UserError(f"{where}: stream = {cell!r} is not a stream index (0, 1, …)")
    return int(cell)
