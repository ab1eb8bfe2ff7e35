"""Survey of a folder of videos: its contents, the cost of a run, and the config for it."""

import math
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from chronovision.config.check import check_config
from chronovision.config.fields import read_fraction
from chronovision.config.files import read_config
from chronovision.core.files import write_text
from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.features.network_hints import asked_network
from chronovision.inventory.current_set import read_current_set, surveyed_folder
from chronovision.inventory.leftovers import find_leftovers
from chronovision.jobs.locks import lock_results
from chronovision.survey.costs import describe_costs
from chronovision.survey.fit import describe_fit
from chronovision.survey.folder import Table, facts_of, find_videos, plan_table, write_table
from chronovision.survey.known_facts import KnownFacts
from chronovision.survey.replaced import describe_replacing, replacing_error
from chronovision.survey.results_folder import choose_results, describe_moved
from chronovision.survey.sampling_advice import describe_sampling
from chronovision.survey.weights import describe_weights


class Survey(NamedTuple):
    """The config overlay to run with, and the lines to show the user."""

    overlay: Path
    summary: list[str]


def survey_folder(
    folder: str | os.PathLike,
    *,
    project: str | os.PathLike,
    fps: float | None = None,
    step: str | None = None,
    config: str | os.PathLike | None = None,
    replace: str | None = None,
) -> Survey:
    """Write the videos table and the config overlay for a run on a folder of videos.

    They go into ``pathvars.results`` of the user's config, else into ``results/<name of the
    folder>/`` below the working directory, never into the folder itself. A table that the user has
    edited is kept. Any other table is brought up to date, and the ids in it stay as they are.

    Parameters
    ----------
    folder : path-like
        Folder of the videos. Files are chosen by name and then by FFprobe; subfolders are not
        searched.
    project : path-like
        Folder of the Snakefile, for the default config.
    fps : float, optional
        Rate to resample all videos to, in frames per second.
    step : str, optional
        Time from row to row of all videos instead of a rate: seconds, or a fraction (1/6).
    config : path-like, optional
        The user's overlay, which the run reads before this one.
    replace : str, optional
        ``yes`` allows features that were made with other settings to be replaced.

    Raises
    ------
    UserError
        There is no such folder or no video in it, or a mistake in the config or the edited table.
        Weights do not fit or cannot be had. The results folder holds another set, cannot be
        written, or another run works on it. Features would be replaced without permission. Nothing
        was written then.
    """
    if replace not in (None, "yes"):
        raise UserError(f"REPLACE={one_line(replace)}: say REPLACE=yes, or leave it out")
    folder = Path(os.path.abspath(os.path.expanduser(folder)))
    shown = one_line(folder, SHOWN_PATH)
    if not os.path.isdir(folder):
        what = "a file, and no folder" if os.path.isfile(folder) else "no such folder"
        raise UserError(f"{shown}: {what}; VIDEOS must name a folder with videos in it")
    asked = {} if config is None else read_config(config)
    frames = _sampling(fps, step)
    run_config = _run_config(Path(project), asked, frames)
    network = asked_network(run_config["network"])
    home = _results(folder, asked, run_config, config)
    weights = describe_weights(run_config["network"], network, run_config["seed"], home)
    notes = describe_moved(home, folder)
    known = surveyed_folder(home)
    if known not in (None, str(folder)):  # Another way to the same files: their paths stay.
        notes.append(f"  these results know it as {one_line(known, SHOWN_PATH)}")
        folder = Path(known)
    probing = KnownFacts(Results(home).probed)
    facts, skipped = find_videos(folder, probing.probe)
    table = plan_table(home, folder, facts)
    videos = table.videos
    probed = {name: facts_of(video, facts, probing.probe) for name, video in videos.items()}
    unread = [f"{name}: {about}" for name, about in probed.items() if isinstance(about, str)]
    sound = {name: about for name, about in probed.items() if not isinstance(about, str)}
    defaults = _run_config(Path(project), {}, {})
    replacing = describe_replacing(home, videos, sound, run_config, defaults, network)
    expected = describe_sampling(sound, run_config, _command(folder, config))
    expected += describe_fit(videos, sound, run_config)
    if replacing and replace is None:
        raise replacing_error(home, replacing, expected, asked, config)
    _write(home, folder, table, frames, probing)
    found = f"{len(videos)} video{'s' * (len(videos) != 1)}"
    summary = [f"{shown}: {found}, listed in {Results(home).videos_table}; results go to {home}"]
    summary += notes + table.notes
    if replacing:
        summary += ["  REPLACE=yes: features that were made with other settings are replaced"]
        summary += replacing
    summary += _describe_left_out(skipped, unread) + _describe_gone(home)
    summary += describe_costs(videos, sound, run_config, network)
    return Survey(Results(home).run_config, [*summary, *expected, weights])


def _results(
    folder: Path, asked: Mapping, run_config: Mapping, config: str | os.PathLike | None
) -> Path:
    """Return the folder of the results; UserError if the user's config names a videos table."""
    if "videos" in asked:
        raise UserError(
            f"{one_line(config, SHOWN_PATH)}: videos: {one_line(asked['videos'], SHOWN_PATH)} and "
            f"VIDEOS={one_line(folder, SHOWN_PATH)} are two sets: take the key out of the file, or "
            "run its set by .venv/bin/snakemake --cores all --configfile "
            f"{one_line(shlex.quote(str(config)), SHOWN_PATH)}"
        )
    named = "results" in (asked.get("pathvars") or {})
    return choose_results(folder, run_config["pathvars"]["results"] if named else None, config)


def _sampling(fps: float | None, step: str | None) -> dict:
    """Return the part of the config's ``frames`` that FPS or STEP ask for."""
    if fps is not None and step is not None:
        raise UserError("FPS and STEP are both set, and exclude each other: leave one out")
    if fps is not None:
        if not (math.isfinite(fps) and fps > 0):
            raise UserError(f"FPS={fps:g}: a rate in frames per second, above 0, is needed")
        return {"every": 1, "step_s": None, "fps": fps}
    if step is not None:
        try:
            seconds = float(read_fraction(step))
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds > 0):
            raise UserError(
                f"STEP={one_line(step)}: seconds, above 0, are needed, as a number or a fraction "
                "such as 1/6"
            )
        return {"every": 1, "step_s": step if "/" in step else seconds, "fps": None}
    return {}


def _run_config(project: Path, asked: Mapping, frames: Mapping) -> dict:
    """Return the config of the run, as far as the survey needs it."""
    merged = _overlay(read_config(project / "config/config.yaml"), asked)
    if frames:
        merged = _overlay(merged, {"frames": frames})
    check_config(merged)
    return merged


def _overlay(below: Mapping, above: Mapping) -> dict:
    both = {
        key: _overlay(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def _write(home: Path, folder: Path, table: Table, frames: Mapping, probing: KnownFacts) -> None:
    """Write table, overlay and probing results, unless another run works on these results."""
    lock_results(Results(home).locks)
    try:
        write_table(home, folder, table)
        _write_overlay(home, folder, frames)
        probing.save()
    except OSError as error:
        raise UserError(
            f"{home.absolute()}: table and config cannot be written ({error.strerror}): make the "
            "folder writable to you, or set pathvars.results to another one"
        ) from error


def _write_overlay(home: Path, folder: Path, frames: Mapping) -> None:
    overlay: dict = {
        "videos": str(Results(home).videos_table),
        "pathvars": {"results": str(home)},
    }
    if frames:
        overlay["frames"] = dict(frames)
    header = (
        f"# Written by `make run` for {folder}, anew each time. Settings of your own\n"
        "# belong into another file: make run VIDEOS=folder/ CONFIG=my.yaml\n"
    )
    text = header + yaml.safe_dump(overlay, sort_keys=False, allow_unicode=True)
    write_text(Results(home).run_config, text)


def _describe_left_out(skipped: Mapping[str, str], unread: list[str]) -> list[str]:
    lines = [f"  left out: {name} ({reason})" for name, reason in skipped.items()]
    shown = lines[:20] + [f"  and {len(lines) - 20} more left out"] * (len(lines) > 20)
    return shown + [f"  WARNING: {reason}; its jobs will fail" for reason in unread]


def _command(folder: Path, config: str | os.PathLike | None) -> str:
    """Return the command that this folder and config were given to."""
    words = {"VIDEOS": folder, "CONFIG": config}
    named = [f"{name}={shlex.quote(str(word))}" for name, word in words.items() if word is not None]
    return " ".join(["make run", *named])


def _describe_gone(home: Path) -> list[str]:
    """Return lines on videos that have left the set since their results were made."""
    try:
        left = find_leftovers(home, read_current_set(home))
    except UserError:  # Nothing has been made yet.
        return []
    if not left.videos:
        return []
    return [
        f"  no longer in the table: {', '.join(left.videos)}. Their results and pages "
        "(report/VIDEO.html) stay, and nothing",
        f"  links to them. To list and remove their files: {left.command}",
    ]
