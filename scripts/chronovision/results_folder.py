"""The results folder of a survey: which one it is, and that no other set lies in it."""

import os
import re
from pathlib import Path

from chronovision.errors import UserError
from chronovision.settings import SHOWN_PATH, one_line
from chronovision.store import read_json
from chronovision.video_folder import clean_name

#: Names that results/ has for other things than a folder's set.
TAKEN = re.compile(
    "accumulators|bench|benchmarks|changes|clips|demo|duration|features|figures|frames|images|logs|"
    "locks|notebook|pieces|pixels|quality|ranges|report|roseboom2019|segments|videos|weights",
    re.IGNORECASE,
)


def choose_results(folder: Path, asked: str | None, config: str | os.PathLike | None) -> Path:
    """Folder that the results of the videos in `folder` go to.

    Parameters
    ----------
    folder : absolute path of the folder of videos.
    asked : `pathvars.results` of the user's config, from the working directory; without it the
        folder is ``results/<name of the folder>``, or with a number if another set lies there.
    config : file that asks for it.

    Raises
    ------
    UserError : another set, or something else, lies where the config wants the results.
    """
    if asked is None:
        name = clean_name(folder.name, "folder")
        name = f"{name}_set" if TAKEN.fullmatch(name) else name
        return unused_folder(Path("results", name), folder)
    if not _may_be_used(Path(asked), folder):
        raise UserError(
            f"pathvars.results of {one_line(config, SHOWN_PATH)}: {one_line(asked, SHOWN_PATH)} "
            f"{_occupant(Path(asked))}: name another folder there"
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
    """Whether results of `folder` may go there: nothing is, or what a survey of it has begun."""
    try:
        if not os.listdir(home):
            return True
    except FileNotFoundError:
        return not os.path.lexists(home)
    except OSError:  # no folder, or none that may be read
        return False
    return folder is not None and surveyed_folder(home) == str(folder)


def surveyed_folder(home: Path) -> str | None:
    """The folder of videos whose set this is; None if no survey wrote it, or it was cut short."""
    try:
        return read_json(home / "survey.json")["folder"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _occupant(home: Path) -> str:
    if not os.path.isdir(home) or not os.access(home, os.R_OK | os.X_OK):
        return "is no folder that can be read"
    other = surveyed_folder(home)
    if other is None:
        return "holds results that make run did not begin, or other files"
    return f"holds the results of {one_line(other, SHOWN_PATH)}"
