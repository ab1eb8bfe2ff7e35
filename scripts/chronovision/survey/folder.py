"""The videos of a folder: which files are videos, their ids, and the table of them."""

import hashlib
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from chronovision.core.files import read_json, write_json, write_text
from chronovision.core.messages import SHOWN_PATH, one_line, quoted
from chronovision.core.paths import UNCARRIABLE
from chronovision.core.results import Results
from chronovision.core.user_tables import MISSING
from chronovision.errors import UserError
from chronovision.videos.picture_series import advise_on_pictures
from chronovision.videos.probe import probe
from chronovision.videos.table import PERIODIC, RESERVED, Video, read_videos

log = logging.getLogger(__name__)

#: File names of videos. FFmpeg would also decode texts and pictures.
VIDEO_NAME = re.compile(
    r".*\.(264|265|3g2|3gp|asf|avi|divx|dv|dvr-ms|f4v|flv|gif|h264|h265|hevc|insv|ivf|lrv|m1v|m2p|"
    r"m2t|m2ts|m2v|m4v|mj2|mjpe?g|mkv|mod|mov|mp4|mpe|mpeg|mpg|mpv|mts|mxf|nut|ogm|ogv|qt|rm|rmvb|"
    r"tod|trp|ts|vob|vro|webm|wmv|wtv|xvid|y4m)",
    re.IGNORECASE | re.DOTALL,
)


def find_videos(
    folder: Path, probe: Callable[..., dict] = probe
) -> tuple[dict[str, dict], dict[str, str]]:
    """Find the videos of a folder.

    Parameters
    ----------
    folder : Path
        Folder to search, without its subfolders.
    probe : callable, optional
        Function to probe a file, by default `chronovision.videos.probe.probe`.

    Returns
    -------
    facts : dict of str to dict
        Absolute path -> result of `probe`.
    skipped : dict of str to str
        File name -> why the file is left out. Hidden files are passed over.
    """
    facts, skipped = {}, {}
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in tqdm(entries, desc="looking at files", unit="file", disable=None):
        name = one_line(path.name, SHOWN_PATH)
        if path.is_dir():
            skipped[f"{name}/"] = "a subfolder"
        elif not VIDEO_NAME.fullmatch(path.name):
            skipped[name] = "no video, by its name"
        elif UNCARRIABLE.search(str(path)) or len(str(path).splitlines()) > 1:
            reason = "braces, a <name>, control characters or bytes that are no UTF-8 in its path"
            skipped[quoted(path.name, SHOWN_PATH)] = f"{reason}: rename"
        else:
            about = _facts(probe, str(path))
            if isinstance(about, str):
                skipped[name] = about
            else:
                facts[str(path)] = about
    if not facts:
        pictures = advise_on_pictures(folder, (path.name for path in entries if path.is_file()))
        reason = f" but {pictures}" if pictures else _first_reason(skipped)
        raise UserError(f"{one_line(folder, SHOWN_PATH)}: no usable video in it{reason}")
    return facts, skipped


def _facts(probe: Callable[..., dict], path: str, stream: int | None = None) -> dict | str:
    """Return the result of probing a file, or why it cannot be used."""
    try:
        return probe(path, stream)
    except UserError as error:
        return one_line(str(error).removeprefix(f"{path}: "), SHOWN_PATH)


def _first_reason(skipped: Mapping[str, str]) -> str:
    return "".join(f" ({name}: {reason})" for name, reason in list(skipped.items())[:1])


def facts_of(
    video: Video, facts: Mapping[str, dict], probe: Callable[..., dict] = probe
) -> dict | str:
    """Return the result of probing a row's file, or why it cannot be used.

    `facts` are those of `find_videos`. Another stream, or a file elsewhere, is probed here.
    """
    if video.stream is None and video.path in facts:
        return facts[video.path]
    return _facts(probe, video.path, video.stream)


def clean_name(name: str, fallback: str) -> str:
    """Return `name` in letters, digits, ``_`` and ``-``, at most 80, for ids and folders."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:80] or fallback


def name_videos(paths: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return ids for files: their names, cleaned; equal ones get ``_2``, ``_3`` ….

    Parameters
    ----------
    paths : iterable of str
        Absolute paths.
    known : mapping of str to str
        Path -> id of an earlier survey. These ids are kept, so that a new file does not rename the
        others.

    Returns
    -------
    dict of str to str
        Path -> id, in the order of `paths`; unique even if upper and lower case are not told apart.
    """
    paths = list(paths)
    names = {path: known[path] for path in paths if path in known}
    used = {name.casefold() for name in [*names.values(), *RESERVED, *MISSING]}
    for path in paths:
        base = PERIODIC.sub(r"\1", clean_name(Path(path).stem, "video"))
        name, number = base, 1
        while path not in names and name.casefold() in used:
            number += 1
            name = f"{base}_{number}"
        used.add(names.setdefault(path, name).casefold())
    return {path: names[path] for path in paths}


class Table(NamedTuple):
    """The videos table of a folder: its rows, its text if it is to be written, and messages."""

    videos: dict[str, Video]
    text: str | None
    notes: list[str]


def plan_table(home: Path, folder: Path, facts: Mapping[str, dict]) -> Table:
    """Return the table that videos.tsv in `home` will be; a table that the user has edited stays.

    Raises
    ------
    UserError
        There is a mistake in the existing table.
    """
    table = Results(home).videos_table
    listed = read_videos(table) if table.exists() else {}
    old = table.read_bytes() if table.exists() else None
    edited = old is not None and _digest(old) != read_json(Results(home).survey)["table_sha256"]
    known = {video.path: name for name, video in listed.items()}
    rows = {name: path for path, name in name_videos(facts, known).items()}
    new = "".join(f"{name}\t{path}\n" for name, path in [("video", "path"), *rows.items()])
    if edited and old != new.encode():
        unlisted = [one_line(Path(path).name) for path in facts if path not in known]
        missing = f"; the folder also has {', '.join(unlisted)}" if unlisted else ""
        note = f"  {table} has been edited and is used as it is{missing}. To renew it, delete it."
        return Table(listed, None, [note])
    rest = dict.fromkeys(("scene", "start_s", "end_s", "stream"))
    videos = {name: Video(name, path, group=name, **rest) for name, path in rows.items()}
    return Table(videos, new, [])


def write_table(home: Path, folder: Path, table: Table) -> None:
    """Write videos.tsv, unless it stays as it is, and the path of the folder of videos."""
    if table.text is None:
        return
    record = {"folder": str(folder), "table_sha256": _digest(table.text.encode())}
    write_json(Results(home).survey, record)
    path = Results(home).videos_table
    if not path.exists() or path.read_bytes() != table.text.encode():
        write_text(path, table.text)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
