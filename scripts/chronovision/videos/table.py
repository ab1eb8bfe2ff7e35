"""The videos table: ids, files and the optional columns of each video."""

import math
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from chronovision.core.messages import SHOWN_PATH, did_you_mean, one_line, quoted
from chronovision.core.paths import UNCARRIABLE, is_too_long
from chronovision.core.user_tables import MISSING, Line, read_table_text, split_cells
from chronovision.errors import UserError
from chronovision.videos.span import Span

#: Columns that the table must have.
REQUIRED = ("video", "path")
#: Columns that it may have.
OPTIONAL = ("group", "scene", "start_s", "end_s", "stream")

#: Ids become file names and Snakemake wildcards.
VIDEO_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Ids that Snakemake mistakes for a rule that feeds itself, so that it refuses to plan the set.
PERIODIC = re.compile(r"(.+?)\1{19,}$")
#: Python gives up on numbers of thousands of digits, and FFmpeg numbers streams far below these.
#: pandas writes whole numbers beside missing ones as 1.0.
STREAM = re.compile(r"([0-9]{1,6})(\.0)?")
#: Numbers with a decimal comma.
DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+([eE][+-]?[0-9]+)?")
#: Names of a column of row numbers or row names, as pandas and R write it or call it later.
INDEX = re.compile(r"|Unnamed: \d+|index|level_0|X|\.\.\.1|row_?names?|row\.names", re.IGNORECASE)
#: Other separators that people write instead of tabs.
SEPARATORS = {";": "semicolons", ",": "commas", " ": "spaces"}
#: Advice on how to write a table that can be read.
WRITING = (
    'pandas: to_csv(path, sep="\\t", index=False); R: write.table(data, path, sep="\\t", '
    'row.names=FALSE); Excel: "Unicode Text"'
)
#: Ids that the set's own pages and folders have.
RESERVED = ("index", "set")
#: First characters of cells that spreadsheets take for formulas (full-width forms are included by
#: normalisation). Groups go into tables, which people open in spreadsheets.
FORMULA = ("=", "+", "-", "@")
#: Unicode categories of characters that end lines or move cursors.
BREAKING = ("Cc", "Zl", "Zp")
#: Largest length of a group's name, as of an id.
MAX_GROUP = 100


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
    def span(self) -> Span:
        """The part that is used."""
        return Span(self.start_s, self.end_s)


def find_table(path: str, project: str | os.PathLike) -> Path:
    """Return the path of the videos table.

    A relative path counts from the working directory, else from the project's folder.

    Raises
    ------
    UserError
        There is no such table in either.
    """
    candidates = [Path(path), Path(project) / path]
    for candidate in candidates:
        if os.path.isfile(candidate):  # False, too, for a name that the system cannot take
            return candidate
    raise UserError(
        f"videos: no such table {one_line(candidates[0].absolute(), SHOWN_PATH)}; write it "
        "(tab-separated, columns `video path`), or name another under the key `videos`"
    )


def read_videos(path: str | os.PathLike) -> dict[str, Video]:
    """Read and check the videos table.

    Parameters
    ----------
    path : path-like
        TSV with the columns ``video path`` and optionally ``group scene start_s end_s stream``.
        Cells of `MISSING` are missing. Relative paths count from the table's folder.

    Returns
    -------
    dict of str to Video
        Id -> video, in the table's order. Whether the files exist is not checked here, so that a
        missing file does not stop the other videos.

    Raises
    ------
    UserError
        Anything is wrong with the table. The message names the line.
    """
    path, named = Path(path), one_line(path, SHOWN_PATH)
    header, *lines = split_cells(read_table_text(path))
    names = [name.strip() for name in header.cells]
    # Spreadsheets write tabs also for columns at the end that once held something.
    while len(names) > 1 and not names[-1]:
        names.pop()
    lines = [line for line in lines if any(cell.strip() for cell in line.cells)]
    _check_header(named, names)
    _check_widths(named, header, len(names), lines)
    videos: dict[str, Video] = {}
    folded: dict[str, str] = {}
    for number, cells in lines:
        where = f"{named}, line {number}"
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        video = _read_row(where, {k: v for k, v in row.items() if v not in MISSING}, path)
        # Ids that differ in case alone would share files on some systems.
        other = folded.setdefault(video.video.casefold(), video.video)
        if other != video.video or video.video in videos:
            raise UserError(
                f"{where}: the id {video.video!r} stands twice (line of {other!r}): rename one"
            )
        videos[video.video] = video
    if not videos:
        raise UserError(
            f"{named}: the table names no video: add a line for each, id and path apart by a tab"
        )
    return videos


def _check_header(named: str, header: list[str]) -> None:
    for separator, word in SEPARATORS.items():
        names = {name.strip(' "') for name in "\t".join(header).split(separator)}
        if names.issuperset(REQUIRED):
            raise UserError(
                f"{named}: its cells are apart by {word}, not by tabs: write it anew. {WRITING}"
            )
    if INDEX.fullmatch(header[0]) and set(header).issuperset(REQUIRED):
        raise UserError(
            f"{named}: its first column, named {quoted(header[0])}, is an index of rows: write the "
            f"table without it. {WRITING}"
        )
    for name in REQUIRED:
        if name not in header:
            raise UserError(
                f"{named}: no column `{name}` in its first line; it must be tab-separated and "
                f"begin with the names {' '.join(REQUIRED)}"
            )
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            raise UserError(
                f"{named}: unknown column `{one_line(name)}`: "
                f"{did_you_mean(name, REQUIRED + OPTIONAL)}"
            )
    if len(set(header)) < len(header):
        raise UserError(f"{named}: a column stands twice in its first line")


def _check_widths(named: str, header: Line, width: int, lines: list[Line]) -> None:
    """Require that no cell stands under no name; `width` is the number of names in the header."""
    if lines and all(len(line.cells) == len(header.cells) + 1 for line in lines):
        raise UserError(
            f"{named}: {len(lines[0].cells)} cells under {len(header.cells)} columns in each line: "
            "the first ones are names of rows, which R writes under no name (leave them out by "
            "row.names=FALSE), or each line ends with a tab too many (delete it)"
        )
    for number, cells in lines:
        if any(cell.strip() for cell in cells[width:]):
            raise UserError(f"{named}, line {number}: {len(cells)} cells under {width} columns")


def _read_row(where: str, row: dict[str, str], table: Path) -> Video:
    for name in REQUIRED:
        if name not in row:
            raise UserError(f"{where}: no {name}")
    video = row["video"]
    if not VIDEO_ID.fullmatch(video) or video.casefold() in RESERVED:
        raise UserError(
            f"{where}: {quoted(video)} cannot be a video id: use letters, digits, . _ - (at most "
            f"100, beginning with a letter or digit) and not {' or '.join(RESERVED)}"
        )
    if PERIODIC.search(video):
        raise UserError(
            f"{where}: the id {quoted(video)} ends in something repeated 20 times or more, which "
            "Snakemake refuses: shorten it"
        )
    # A user's home is not looked up under a name that holds a NUL.
    odd = UNCARRIABLE.search(row["path"])
    path = row["path"] if odd else os.path.expanduser(row["path"])
    path = os.path.abspath(table.parent / path)
    if UNCARRIABLE.search(path):
        raise UserError(
            f"{where}: the path {quoted(path, SHOWN_PATH)} holds braces, a <name> or control "
            "characters, which Snakemake cannot carry: rename the file or link to it"
        )
    if is_too_long(path):
        raise UserError(
            f"{where}: the path {quoted(path)} is longer than paths, or names in them, can be: "
            "correct it"
        )
    start_s, end_s = (_number(where, name, row.get(name)) for name in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UserError(f"{where}: end_s = {end_s} is not after start_s = {start_s or 0.0}")
    return Video(
        video=video,
        path=path,
        group=_group(where, _printable(where, "group", row.get("group", video))),
        scene=_printable(where, "scene", row["scene"]) if "scene" in row else None,
        start_s=start_s,
        end_s=end_s,
        stream=_index(where, row.get("stream")),
    )


def _printable(where: str, name: str, cell: str) -> str:
    if any(unicodedata.category(one) in BREAKING for one in cell):
        raise UserError(f"{where}: {name} = {quoted(cell)} holds control characters: delete them")
    return cell


def _group(where: str, cell: str) -> str:
    if unicodedata.normalize("NFKC", cell).startswith(FORMULA):
        raise UserError(
            f"{where}: group = {quoted(cell)} begins like a formula, which spreadsheets run when "
            f"they open a table: begin with another character than {' '.join(FORMULA)}, or leave "
            "the cell empty"
        )
    if len(cell) > MAX_GROUP:
        raise UserError(
            f"{where}: group = {quoted(cell)} is longer than {MAX_GROUP} characters: shorten it"
        )
    return cell


def _number(where: str, name: str, cell: str | None) -> float | None:
    if cell is None:
        return None
    _require_decimal_point(where, name, cell)
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    # Python reads 1_5 as 15, who wrote it may have meant 1.5.
    if not math.isfinite(value) or value < 0 or "_" in cell:
        raise UserError(f"{where}: {name} = {quoted(cell)} is not a time in seconds, 0 or more")
    return value


def _require_decimal_point(where: str, name: str, cell: str) -> None:
    if DECIMAL_COMMA.fullmatch(cell):
        raise UserError(
            f"{where}: {name} = {quoted(cell)} has a decimal comma: write a point, as in 1.5"
        )


def _index(where: str, cell: str | None) -> int | None:
    if cell is None:
        return None
    _require_decimal_point(where, "stream", cell)
    index = STREAM.fullmatch(cell)
    if not index:
        raise UserError(f"{where}: stream = {quoted(cell)} is not a stream index (0, 1, …)")
    return int(index[1])
