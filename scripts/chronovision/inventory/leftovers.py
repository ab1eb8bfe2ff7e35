"""Left-over files of a results folder: finding them, and removing them.

A file is left over if its video, metric, threshold or weights have left the set.
"""

import os
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from chronovision.core.files import read_json
from chronovision.core.messages import one_line
from chronovision.core.provenance import read_provenance
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.inventory.current_set import CurrentSet, read_current_set
from chronovision.inventory.layout import Owner, owner_of
from chronovision.jobs.locks import lock_results

#: Most files of one folder that are listed by name.
MOST_NAMES = 12

#: Prefix of a video among the owners of left-over files.
VIDEO = "video "

#: Errors of reading a file that is damaged, or that this package did not write.
NOT_OURS = (OSError, ValueError, KeyError, TypeError, UserError)


@dataclass(frozen=True)
class Leftovers:
    """Left-over files of a results folder.

    Attributes
    ----------
    root : Path
        The results folder.
    files : mapping of str to list of Path
        Owner of the files (``video c``, ``euclidean``, ``weights vgg19.auto``) -> their paths from
        the results folder.
    newer : list of str
        Owners with files that are newer than the last report, or than the table that names the
        videos: they may belong to an interrupted run.
    """

    root: Path
    files: Mapping[str, list[Path]]
    newer: list[str]

    @property
    def videos(self) -> list[str]:
        """Return the ids of the videos that have left the set."""
        return [what.removeprefix(VIDEO) for what in self.files if what.startswith(VIDEO)]

    @property
    def command(self) -> str:
        """Return the command that lists and removes the files."""
        return f"make leftovers RESULTS={shlex.quote(str(self.root))}"


def find_leftovers(root: Path, current: CurrentSet) -> Leftovers:
    """Find the left-over files of a results folder.

    They are all outputs of videos that have left the set, outputs of the other videos that the last
    report's config does not ask for, and weights that made no features of the set. Only files with
    names that the rules give are considered, of videos that the folder holds a record of; no links,
    and nothing behind a link.

    Parameters
    ----------
    root : Path
        The results folder.
    current : CurrentSet
        The current set.
    """
    owned = {path: owner for path in _files(root) if (owner := owner_of(path))}
    gone = _gone_videos(root, owned, current)
    unused = _unused_weights(root, owned, current)
    found: dict[str, list[Path]] = defaultdict(list)
    for path, owner in owned.items():
        if owner.video in gone:
            found[f"{VIDEO}{owner.video}"].append(path)
        elif owner.weights in unused:
            found[f"weights {owner.weights}"].append(path)
        elif owner.video in (None, *current.videos) and not current.asks_for(path):
            found[_named(path, owner, current)].append(path)
    newer = [what for what, paths in found.items() if _may_be_begun(root, what, paths, current)]
    files = {what: sorted(found[what]) for what in sorted(found) if what not in newer}
    return Leftovers(root, files, sorted(newer))


def _files(root: Path) -> Iterator[Path]:
    """Return the paths of all files in a results folder, from there."""
    for folder, _, names in os.walk(root, followlinks=False):
        for name in names:
            if not os.path.islink(os.path.join(folder, name)):
                yield Path(folder, name).relative_to(root)


def _gone_videos(root: Path, owned: Mapping[Path, Owner], current: CurrentSet) -> set[str]:
    """Return videos that neither the set nor the table has, if the folder holds a record of them.

    Where case does not count a file of `a` is that of the video `A`.
    """
    if not current.is_known:
        return set()
    stand = {video.casefold() for video in (*current.videos, *current.listed)}
    return {
        owner.video
        for path, owner in owned.items()
        if owner.video and owner.video.casefold() not in stand and _names(root / path, owner.video)
    }


def _names(path: Path, video: str) -> bool:
    """Return whether a file is a record of a video that this package wrote."""
    try:
        if path.parent.name == "videos":
            return "probe_video" in read_json(path)["provenance"]["steps"]
        if path.suffix == ".json":
            return video in read_json(path)["provenance"]["videos"]
        return path.suffix == ".h5" and video in read_provenance(path)["videos"]
    except NOT_OURS:
        return False


def _unused_weights(root: Path, owned: Mapping[Path, Owner], current: CurrentSet) -> set[str]:
    """Return names of weights that made no features of the set, if there is a report of it."""
    names = {owner.weights for owner in owned.values() if owner.weights}
    if not current.report or not names:
        return set()
    results, used = Results(root), {current.report["weights"]["sha256"]}
    for video in current.videos:
        with suppress(*NOT_OURS):
            record = read_provenance(results.features(video=video))
            used.add(record["network"]["weights_sha256"])
    found = {}
    for name in names:
        with suppress(*NOT_OURS):
            found[name] = read_json(results.weights_facts(weights=name))["sha256"]
    return {name for name, digest in found.items() if digest not in used}


def _named(path: PurePath, owner: Owner, current: CurrentSet) -> str:
    """Return the part of the config that is no longer asked for."""
    config = current.report["config"]
    if owner.metric is not None and owner.metric not in config["changes"]["metrics"]:
        return owner.metric
    if owner.threshold is not None and owner.threshold not in config["thresholds"]["kinds"]:
        return f"{owner.threshold} threshold"
    return (
        path.parent.as_posix() if path.parts[0] == "duration" else path.with_suffix("").as_posix()
    )


def _may_be_begun(root: Path, what: str, paths: Iterable[Path], current: CurrentSet) -> bool:
    """Return whether files may belong to a run that has not reached its report yet."""
    since = current.named_ns if what.startswith(VIDEO) else current.made_ns
    return since is None or max((root / path).stat().st_mtime_ns for path in paths) > since


def tell_leftovers(
    results: str | os.PathLike, *, delete: str | None = None, say: Callable[[str], None] = print
) -> None:
    """List the left-over files of a results folder, or delete them.

    Parameters
    ----------
    results : path-like
        The results folder.
    delete : str, optional
        ``yes`` to delete the files.
    say : callable, default print
        Receives each line of the output.

    Raises
    ------
    UserError
        There is no such folder, or none of results. Neither a table nor a report names the present
        set. Or a run is working on the folder.
    """
    if delete not in (None, "yes"):
        raise UserError(f"DELETE={one_line(delete)}: say DELETE=yes, or leave it out")
    root = Path(results)
    current = read_current_set(root)
    if not current.is_known:
        raise UserError(
            f"{root}: without a report (provenance.json) it is not known what is left over: run it "
            "to its end first"
        )
    left = find_leftovers(root, current)
    for what in left.newer:
        say(f"{what}: newer than the last report or table, so maybe of a broken-off run: kept")
    for what, paths in left.files.items():
        size = sum((root / path).stat().st_size for path in paths)
        say(f"{what}: {len(paths)} files, {size / 1e6:.1f} MB")
        for line in _listed(paths):
            say(f"  {line}")
    number = sum(map(len, left.files.values()))
    if not number:
        say(f"{root}: nothing is left over")
    elif delete is None:
        say(f"Nothing was deleted. To delete these files: {left.command} DELETE=yes")
    else:
        lock_results(Results(root).locks)
        for paths in left.files.values():
            _delete(root, paths)
        say(f"{number} files were deleted.")


def _listed(paths: Iterable[Path]) -> Iterator[str]:
    """Return the paths, or their number where a folder has many."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path)
    for folder, inside in folders.items():
        if len(inside) > MOST_NAMES:
            yield f"{folder}/ ({len(inside)} files)"
        else:
            yield from map(str, inside)


def _delete(root: Path, paths: Iterable[Path]) -> None:
    """Delete files, and then folders that are empty."""
    for path in paths:
        try:
            (root / path).unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"{root / path}: cannot be deleted ({error.strerror}): make its folder writable to "
                "you and run again"
            ) from error
        with suppress(OSError):  # not empty
            for folder in list(path.parents)[:-1]:
                (root / folder).rmdir()
