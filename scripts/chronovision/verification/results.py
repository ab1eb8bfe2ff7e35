"""Verification of all numbers in a results folder."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path

import h5py
import numpy as np
import torch

from chronovision.core.files import read_json
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.results import Results
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import read_table, read_values
from chronovision.errors import UserError
from chronovision.features.weights import tensors_digest
from chronovision.inventory.current_set import CurrentSet, read_current_set
from chronovision.inventory.leftovers import find_leftovers
from chronovision.verification.checks import Check, Tally, attempt, summary
from chronovision.verification.features import (
    ALLOWED,
    ALLOWED_PIXELS,
    EagerNetwork,
    FrameChange,
    Sample,
    compare_features,
    compare_pixels,
    decode_sample,
)
from chronovision.verification.tables import set_tables, video_tables
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.fingerprint import sha256_of
from chronovision.videos.probe import probe


def verify_results(
    results: str | os.PathLike,
    *,
    sample: int,
    seed: int,
    videos: str | os.PathLike | None = None,
    say: Callable[[str], None] = print,
) -> bool:
    """Check the numbers of a results folder, and report for each check whether it holds.

    Parameters
    ----------
    results : path-like
        The results folder.
    sample : int
        Number of frames of each video whose change is computed again from the pictures.
    seed : int
        Seed of the draw of these frames, which depends on nothing else but the video's id.
    videos : path-like, optional
        Folder with the video files, if they have moved.
    say : callable, default print
        Receives each line of the output.

    Returns
    -------
    bool
        Whether every check could be made and holds.

    Raises
    ------
    UserError
        There is no such folder, or none of results. Or `sample` or `seed` is impossible.
    """
    if sample < 1 or seed < 0:
        raise UserError(f"SAMPLE={sample} SEED={seed}: a sample is 1 or more, a seed 0 or more")
    current = read_current_set(Path(results))
    folder, names = _Folder(Results(results), sample, seed, videos, current), current.videos
    done: list[Check] = []

    def note(check: Check) -> None:
        done.append(check)
        say(str(check))

    say(f"{results}: {len(names)} videos; of each {sample} frames are drawn, by seed {seed}")
    left = find_leftovers(folder.results.root, current)
    if left.files or left.newer:
        say(f"Not of this set, and not checked: {', '.join([*left.files, *left.newer])}")
        say(f"To list and remove what is left over: {left.command}")
    for check in folder.read(names):
        note(check)
    say(folder.versions())
    for check in _all_checks(folder, names):
        note(check)
    for line in ("", *summary(done)):
        say(line)
    return all(check.holds for check in done)


def _all_checks(folder: "_Folder", names: list[str]) -> Iterator[Check]:
    yield from folder.weights.values()
    for name in names:
        if name in folder.records:
            yield from _VideoChecks(folder, name).run()
        yield from video_tables(folder.results, name, folder.current_set)
    yield from set_tables(folder.results, folder.current_set)


class _Folder:
    """A results folder, and the values that the checks of its videos share."""

    def __init__(
        self,
        results: Results,
        sample: int,
        seed: int,
        videos: str | os.PathLike | None,
        current: CurrentSet,
    ) -> None:
        self.results, self.sample, self.seed = results, sample, seed
        self.films = None if videos is None else Path(videos)
        self.current_set = current
        #: Provenance of each video's features.
        self.records: dict[str, dict] = {}
        #: Weights file and recorded digest -> their check.
        self.weights: dict[tuple[Path, str], Check] = {}
        self.networks: dict[str, EagerNetwork] = {}

    def read(self, names: list[str]) -> Iterator[Check]:
        """Read the videos' provenance, and check the weights that it names; yield failed checks."""
        for name in names:
            done = attempt(name, "provenance", partial(self._read, name))
            if not done.holds:
                yield done

    def _read(self, name: str) -> str:
        record = read_provenance(_needed(self.results.features(video=name)))
        path, digest = key = weights_of(self.results, record)
        if key not in self.weights:
            facts = self.results.weights_facts(weights=path.stem)
            compare = partial(_compare_weights, path, facts, digest)
            self.weights[key] = attempt("", f"weights/{path.stem}", compare)
        self.records[name] = record
        return ""

    def versions(self) -> str:
        """Describe which software has changed since the features were made."""
        then = next(iter(self.records.values()), {}).get("software", {})
        now = add_step({}, "verify", {})["software"] | {"ffmpeg": find_tools().version}
        changed = [
            f"{name} {old}, now {new}"
            for name, old in then.items()
            if (new := now[name] if name in now else _version(name)) != old
        ]
        return f"Software: {'; '.join(changed) or 'the same as when it was made'}"

    def network(self, record: Mapping) -> EagerNetwork:
        """Return the network that made features; UserError if its weights are not at hand."""
        path, digest = weights_of(self.results, record)
        if not self.weights[path, digest].holds:
            raise UserError(f"{path} is not what the features were made with")
        key = f"{path} {record['network']}"
        if key not in self.networks:
            self.networks = {key: EagerNetwork(record["network"], path)}
        return self.networks[key]

    def film(self, recorded: str, sha256: str) -> str:
        """Return where a video is now; a relative path counts from the run's working directory.

        The results are in it, as a rule, whatever it is called now; if not, it should be this one.
        The folder that was named goes before that. Of several files the one with the recorded
        SHA-256 is taken, or else the first.
        """
        if self.films is not None and (self.films / Path(recorded).name).is_file():
            return str(self.films / Path(recorded).name)
        root = self.results.root
        bases = (*root.absolute().parents, *root.resolve().parents, Path.cwd())
        places = (base / recorded for base in bases)
        there = list(dict.fromkeys(str(place.resolve()) for place in places if place.is_file()))
        if not there:
            raise UserError(f"the video {recorded} is not there: name its folder by VIDEOS=folder/")
        right = (place for place in there if len(there) == 1 or sha256_of(place) == sha256)
        return next(right, there[0])


def weights_of(results: Results, record: Mapping) -> tuple[Path, str]:
    """Return the weights file and the digest of its tensors, by the provenance of features."""
    network = record["network"]
    if "weights_name" not in network:
        raise UserError("an earlier version made the features, and did not record their weights")
    return results.weights(weights=network["weights_name"]), network["weights_sha256"]


def _compare_weights(path: Path, facts: Path, recorded: str) -> str:
    digest = tensors_digest(torch.load(_needed(path), "cpu", weights_only=True))
    told = read_json(_needed(facts))["sha256"]
    if digest == recorded == told:
        return ""
    return (
        f"its tensors have the SHA-256 {digest}; recorded are {told} and, in features, {recorded}"
    )


def _needed(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"there is no {path}, which this check needs")
    return path


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


class _VideoChecks:
    """The checks of one video against its file."""

    def __init__(self, folder: _Folder, name: str) -> None:
        self.folder, self.name, self.record = folder, name, folder.records[name]
        self.results = folder.results
        self.features = folder.results.features(video=name)
        #: What the checks leave to those after them.
        self.info: dict = {}
        self.rows: list[int] = []
        self.decoded = Sample()
        self.changes: list[FrameChange] = []

    def run(self) -> Iterator[Check]:
        """Check video, frames, pixels, features and changes; each check needs those before it."""
        file = attempt(self.name, "video file", self._file)
        yield file
        if file.holds:
            yield attempt(self.name, "video facts", self._facts)
            frames = attempt(self.name, "frames", self._frames)
            yield frames
        if not file.holds or frames.holds is None:
            yield Check(self.name, "features", None, note="for want of the video")
            return
        yield attempt(self.name, "pixels", self._pixels)
        yield attempt(self.name, "features", self._features)
        if self._seed() is None:
            why = "the seed of their signs was not recorded by the version that made them"
            yield Check(self.name, "sketches", None, note=why)
        for metric, path in self.results.changes.found(video=self.name).items():
            if self.folder.current_set.asks_for(path.relative_to(self.results.root)):
                what = f"sampled changes/{metric}"
                yield attempt(self.name, what, partial(self._changes, metric, path))

    def _file(self) -> str:
        info = read_json(_needed(self.results.video_facts(video=self.name)))
        self.info = {**info, "path": self.folder.film(info["path"], info["sha256"])}
        found = sha256_of(self.info["path"])
        recorded = {info["sha256"], self.record["videos"][self.name]["sha256"]}
        if recorded == {found}:
            return ""
        listed = " and ".join(sorted(recorded))
        return f"{self.info['path']} has the SHA-256 {found}, the results are of {listed}"

    def _facts(self) -> str:
        """Check the properties of the file, which is probed again."""
        asked = self.info["provenance"]["steps"]["probe_video"]["stream"]
        said = probe(self.info["path"], asked)
        wrong = [name for name in said if said[name] != self.info[name]]
        return "; ".join(f"{name} is {self.info[name]} instead of {said[name]}" for name in wrong)

    def _frames(self) -> Tally:
        """Check rows and times of the whole video, which is decoded again."""
        clock = ("source_frame", "time_s", "key_frame")
        with h5py.File(self.features) as file:
            stored = {name: file[name][:].astype(float) for name in clock}
        steps = len(stored["time_s"]) - 1
        draw = derive_rng(self.folder.seed, "verify", self.name)
        drawn = draw.choice(steps, min(self.folder.sample, steps), replace=False)
        self.rows = sorted(int(step) + 1 for step in drawn)
        pictures = {row - back for row in self.rows for back in (0, 1)}
        self.decoded = decode_sample(self.info, self.record["steps"]["dump_frames"], pictures)
        tally = Tally(0.0)
        for name, values in stored.items():
            found = np.array(getattr(self.decoded, name), float)
            if len(found) != len(values):
                tally.add(np.inf, f"number of rows in {name}", len(values), len(found))
            else:
                tally.add(np.abs(values - found), f"{name} in row {{}}", values, found)
        return tally

    def _pixels(self) -> Tally:
        tally = Tally(ALLOWED_PIXELS)
        table = read_table(_needed(self.results.pixels(video=self.name)))
        compare_pixels(table, self.decoded.pictures, self.rows, tally)
        return tally

    def _allowed(self) -> float:
        return ALLOWED[self.record["network"]["precision"], self.record["network"]["device"]]

    def _seed(self) -> int | None:
        """Return the config's seed, from which the signs of the sketches derive."""
        return self.record["steps"]["extract_features"].get("seed")

    def _features(self) -> Tally:
        network, seed = self.folder.network(self.record), self._seed()
        tally, pictures = Tally(self._allowed()), self.decoded.pictures
        with h5py.File(self.features) as file:
            self.changes = list(compare_features(file, network, pictures, self.rows, seed, tally))
        return tally

    def _changes(self, metric: str, path: Path) -> Tally:
        if not self.changes:
            raise UserError("for want of features")
        tally = Tally(self._allowed())
        layers = list(dict.fromkeys(change.layer for change in self.changes))
        stored = read_values(path, layers)
        for change in self.changes:
            value, true = stored[change.row, layers.index(change.layer)], change.values[metric]
            where = f"{change.layer}, row {change.row}"
            tally.add(change.deviation(metric, value), where, value, true)
        return tally
