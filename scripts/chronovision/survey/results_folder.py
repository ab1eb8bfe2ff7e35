"""The results folder of a folder of videos."""

import os
import shlex
from pathlib import Path

from chronovision.core.files import read_json
from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.core.results import Results, output_patterns
from chronovision.errors import UserError
from chronovision.inventory.current_set import surveyed_folder
from chronovision.survey.folder import clean_name

#: Names that no set in results/ can have, in lower case: folders of a set that lies in results/
#: itself, of presets and of the demo.
TAKEN = {
    *(pattern.split("/")[0] for pattern in output_patterns().values()),
    *("logs", "benchmarks", "locks", "bench", "demo", "notebook", "roseboom2019"),
}


def choose_results(folder: Path, asked: str | None, config: str | os.PathLike | None) -> Path:
    """Return the folder for the results of the videos in `folder`.

    Parameters
    ----------
    folder : Path
        Absolute path of the folder of videos.
    asked : str or None
        ``pathvars.results`` of the user's config, relative to the working directory. Without it the
        results go to ``results/<name of the folder>``, with a number if another set lies there. If
        this folder's set lies in ``results/`` under another name, that is used.
    config : path-like or None
        File that sets `asked`.

    Raises
    ------
    UserError
        Another set, or something else, lies where the config wants the results, or nothing can be
        written there.
    """
    if asked is None:
        name = clean_name(folder.name, "folder")
        name = f"{name}_set" if name.lower() in TAKEN else name
        home = unused_folder(Path("results", name), folder)
        if _is_set_of(home, folder):
            return home
        return next((other for other in _surveyed() if _is_set_of(other, folder)), home)
    if not _may_be_used(Path(asked), folder):
        raise UserError(
            f"pathvars.results of {one_line(config, SHOWN_PATH)}: {one_line(asked, SHOWN_PATH)} "
            f"{_occupant(Path(asked), folder)}"
        )
    return Path(asked)


def unused_folder(first: Path, folder: Path | None = None) -> Path:
    """`first`, or the same name with the least number, that holds nothing but a set of `folder`."""
    found, number = first, 1
    while not _may_be_used(found, folder):
        number += 1
        found = Path(f"{first}_{number}")
    return found


def _may_be_used(home: Path, folder: Path | None) -> bool:
    """Return whether results of `folder` may go there: it is empty, or a survey of it has begun.

    UserError if nothing is there, and nothing can be.
    """
    try:
        if not {*os.listdir(home)} - {"locks"}:
            return True
    except FileNotFoundError:
        return not os.path.lexists(home)
    except OSError as error:  # no folder, or none that may be read
        if not os.path.lexists(home):
            raise UserError(
                f"{one_line(home, SHOWN_PATH)}: no results can be there ({error.strerror}): set "
                "pathvars.results to another folder"
            ) from error
        return False
    return folder is not None and _is_set_of(home, folder)


def _is_set_of(home: Path, folder: Path) -> bool:
    """Return whether these are results of the folder, whatever path leads to it."""
    known = surveyed_folder(home)
    return known is not None and os.path.realpath(known) == os.path.realpath(folder)


def _surveyed() -> list[Path]:
    """Folders in ``results/`` that a survey has begun a set in."""
    return sorted(home for home in Path("results").glob("*") if Results(home).survey.exists())


def describe_moved(home: Path, folder: Path) -> list[str]:
    """Return a warning before a new set is begun in `home` if `folder` seems to have moved.

    It seems so if another set in ``results/`` is of a folder that no longer exists, with videos
    that are here by name and size.
    """
    here = {entry.name: entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()}
    for other in _surveyed() if surveyed_folder(home) is None else ():
        known = surveyed_folder(other)
        if known is None or os.path.exists(known):
            continue
        sizes = _recorded_sizes(other)
        found = sum(here.get(name) == size for name, size in sizes.items())
        if found:
            return [
                f"  {other} holds the results of {one_line(known, SHOWN_PATH)}, which is gone, and "
                f"{found} of its {len(sizes)} videos",
                "  are here by name and size. Snakemake goes by paths: this run makes all anew. If "
                "the folder was moved,",
                f"  stop, and go on with those results by {_link(known, folder)} && make run "
                f"VIDEOS={shlex.quote(known)}",
            ]
    return []


def _recorded_sizes(home: Path) -> dict[str, int]:
    """Return the size of each video of a set in bytes, as far as it is recorded."""
    sizes = {}
    for path in Results(home).video_facts.found().values():
        try:
            about = read_json(path)
            sizes[Path(about["path"]).name] = about["bytes"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sizes


def _link(known: str, folder: Path) -> str:
    """Return the command that links a folder to where it was."""
    above = os.path.dirname(known)
    make = "" if os.path.isdir(above) else f"mkdir -p {shlex.quote(above)} && "
    return f"{make}ln -s {shlex.quote(str(folder))} {shlex.quote(known)}"


def _occupant(home: Path, folder: Path) -> str:
    """Describe what lies in a folder that `folder` cannot have, and what to do."""
    other = "name another folder there"
    if not os.path.isdir(home) or not os.access(home, os.R_OK | os.X_OK):
        return f"is no folder that can be read: {other}"
    known = surveyed_folder(home)
    if known is None:
        return f"holds results that make run did not begin, or other files: {other}"
    holds = f"holds the results of {one_line(known, SHOWN_PATH)}"
    if os.path.lexists(known):
        return f"{holds}: {other}"
    return (
        f"{holds}, which is gone: if it was moved, {one_line(_link(known, folder), SHOWN_PATH)} "
        f"keeps them, as Snakemake goes by paths; otherwise {other}"
    )
