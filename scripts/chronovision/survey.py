"""Survey of a folder of videos: what is in it, what a run on it will cost, and its config."""

import hashlib
import logging
import math
import os
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import yaml
from tqdm import tqdm

from chronovision.errors import UserError
from chronovision.networks import activation_shapes, check_network, weights_url
from chronovision.probe import probe
from chronovision.settings import UNCARRIABLE, check_config, one_line, quoted
from chronovision.speed import describe_precision, measure_speeds
from chronovision.store import read_json, write_json, write_text
from chronovision.timing import RATE_TOLERANCE
from chronovision.video_table import PERIODIC, RESERVED, SHOWN_PATH, Video, read_videos

log = logging.getLogger(__name__)

#: File names that are taken for videos: FFmpeg would also decode texts and pictures.
VIDEO_NAME = re.compile(
    r".*\.(3gp|asf|avi|flv|m2ts|m4v|mkv|mov|mp4|mpe|mpeg|mpg|mts|mxf|ogv|qt|ts|vob|webm|wmv|y4m)",
    re.IGNORECASE | re.DOTALL,
)

#: Names that results/ has for other things than a folder's set.
TAKEN = re.compile(
    "accumulators|bench|benchmarks|changes|clips|demo|duration|features|figures|frames|images|logs|"
    "locks|notebook|pieces|pixels|quality|ranges|report|roseboom2019|segments|videos|weights",
    re.IGNORECASE,
)

#: Rules of thumb. Work of a network at 224 pixels, in 10⁹ operations per frame; unknown ones count
#: as VGG19.
GFLOP = {"vgg19": 39.0, "vgg19_bn": 39.0, "vgg16": 31.0, "vgg16_bn": 31.0, "alexnet": 1.4}
#: Everything else, in seconds of one core: decoding twice and describing, per frame …
FRAME_S = 0.02
#: … and the start of the jobs, tables and figures, per video.
VIDEO_S = 30.0
#: Size of exported images.
IMAGE_BYTES_PER_PIXEL = {"jpg": 0.4, "png": 2.0}
#: Stored per kept frame without `keep_maps`.
BYTES_PER_FRAME = 12_000


class Survey(NamedTuple):
    """Config overlay to run with, and what to tell the user."""

    overlay: Path
    summary: list[str]


def survey_folder(
    folder: str | os.PathLike,
    *,
    project: str | os.PathLike,
    fps: float | None = None,
    config: str | os.PathLike | None = None,
) -> Survey:
    """Write the videos table and the config overlay for a run on a folder of videos.

    They go into ``results/<name of the folder>/`` (from the working directory), never into the
    folder itself. A table that the user has edited is kept; one that has not is brought up to
    date, and the ids of files it names stay as they are.

    Parameters
    ----------
    folder : searched for videos by file name and then by FFprobe; its subfolders are not.
    project : folder of the Snakefile, for the default config and its schema.
    fps : rate to resample all videos to, in frames per second.
    config : the user's overlay, which the run reads before this one.

    Raises
    ------
    UserError : no such folder, no video in it, a mistake in the config or in the edited table.
    """
    folder = Path(os.path.abspath(os.path.expanduser(folder)))
    shown = one_line(folder, SHOWN_PATH)
    if not os.path.isdir(folder):
        raise UserError(f"{shown}: no such folder; VIDEOS must name a folder with videos in it")
    asked = {} if config is None else _read_yaml(Path(config))
    settings = _settings(Path(project), asked, fps)
    facts, skipped = find_videos(folder)
    home = _home(folder)
    notes, table = _write_table(home, folder, facts), home / "videos.tsv"
    videos = read_videos(table)
    probed = {name: _facts(video, facts) for name, video in videos.items()}
    unread = [f"{name}: {about}" for name, about in probed.items() if isinstance(about, str)]
    sound = {name: about for name, about in probed.items() if not isinstance(about, str)}
    clash = _rates_clash(sound.values()) and settings["frames"]["fps"] is None
    _write_overlay(home, folder, fps, fit=not clash)
    summary = [f"{shown}: {len(videos)} videos, listed in {table}; results go to {home}", *notes]
    summary += _describe_left_out(skipped, unread)
    summary += _describe_set(videos, sound, settings)
    if clash:
        summary += _describe_clash(folder, sound)
    summary.append(_describe_weights(settings["network"]))
    summary += _describe_unused(asked, config)
    return Survey(home / "run.yaml", summary)


def _settings(project: Path, asked: Mapping, fps: float | None) -> dict:
    """The config that the run will have, as far as the survey needs it."""
    merged = _overlay(_read_yaml(project / "config/config.yaml"), asked)
    if fps is not None:
        if not (math.isfinite(fps) and fps > 0):
            raise UserError(f"FPS={fps:g}: a rate in frames per second, above 0, is needed")
        merged = _overlay(merged, {"frames": {"fps": fps, "every": 1}})
    check_config(merged, project / "workflow/schemas/config.schema.yaml")
    check_network(merged["network"])
    return merged


def _read_yaml(path: Path) -> dict:
    shown = one_line(path, SHOWN_PATH)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    # PyYAML fails in many ways: 2024-13-13 is a ValueError, `!!bool x` a KeyError.
    except Exception as error:
        reason = one_line(" ".join(str(error).split()) or type(error).__name__, SHOWN_PATH)
        raise UserError(f"{shown}: cannot be read as a config: {reason}") from error
    if not isinstance(content, dict):
        raise UserError(f"{shown}: not a config: `key: value` lines are needed")
    return content


def _overlay(below: Mapping, above: Mapping) -> dict:
    both = {
        key: _overlay(below[key], above[key])
        for key in below.keys() & above.keys()
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping)
    }
    return {**below, **above, **both}


def find_videos(folder: Path) -> tuple[dict[str, dict], dict[str, str]]:
    """Videos of a folder and what is left out.

    Returns
    -------
    absolute path -> what `chronovision.probe.probe` says, and file name -> why it is left out;
    hidden files are passed over.
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
            about = _probe(path)
            if isinstance(about, str):
                skipped[name] = about
            else:
                facts[str(path)] = about
    if not facts:
        shown = one_line(folder, SHOWN_PATH)
        raise UserError(f"{shown}: no usable video in it" + _first_reason(skipped))
    return facts, skipped


def _probe(path: str | os.PathLike, stream: int | None = None) -> dict | str:
    """What the file says of itself, or why it cannot be used."""
    try:
        return probe(path, stream)
    except UserError as error:
        return one_line(str(error).removeprefix(f"{path}: "), SHOWN_PATH)


def _first_reason(skipped: Mapping[str, str]) -> str:
    return "".join(f" ({name}: {reason})" for name, reason in list(skipped.items())[:1])


def _facts(video: Video, facts: Mapping[str, dict]) -> dict | str:
    if video.stream is None and video.path in facts:
        return facts[video.path]
    return _probe(video.path, video.stream)


def _home(folder: Path) -> Path:
    """Folder of the results: named after `folder`, and no other set's."""
    name = clean_name(folder.name, "folder")
    name = f"{name}_set" if TAKEN.fullmatch(name) else name
    home, number = Path("results", name), 1
    while home.exists() and not _belongs(home, folder):
        number += 1
        home = Path("results", f"{name}_{number}")
    return home


def _belongs(home: Path, folder: Path) -> bool:
    try:
        return read_json(home / "survey.json")["folder"] == str(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no survey wrote this folder, or it was cut short


def clean_name(name: str, fallback: str) -> str:
    """`name` in letters, digits, ``_`` and ``-``, at most 80, as ids and folders need it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:80] or fallback


def name_videos(paths: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Ids for files: their names, cleaned; of equal ones the later get ``_2``, ``_3`` ….

    Parameters
    ----------
    paths : absolute paths.
    known : path -> id of an earlier survey; these ids are kept, so that a new file does not
        rename the others.

    Returns
    -------
    path -> id, in the order of `paths`; unique even where case does not count.
    """
    paths = list(paths)
    names = {path: known[path] for path in paths if path in known}
    used = {name.casefold() for name in names.values()} | set(RESERVED)
    for path in paths:
        base = PERIODIC.sub(r"\1", clean_name(Path(path).stem, "video"))
        name, number = base, 1
        while path not in names and name.casefold() in used:
            number += 1
            name = f"{base}_{number}"
        used.add(names.setdefault(path, name).casefold())
    return {path: names[path] for path in paths}


def _write_table(home: Path, folder: Path, facts: Mapping[str, dict]) -> list[str]:
    """Write or renew videos.tsv unless the user has edited it; returns what there is to say."""
    table, record = home / "videos.tsv", home / "survey.json"
    known = {v.path: v.video for v in read_videos(table).values()} if table.exists() else {}
    old = table.read_text(encoding="utf-8") if table.exists() else None
    edited = old is not None and _digest(old) != read_json(record)["table_sha256"]
    rows = [(video, path) for path, video in name_videos(facts, known).items()]
    new = "".join(f"{video}\t{path}\n" for video, path in [("video", "path"), *rows])
    if edited and old != new:
        unlisted = [one_line(Path(path).name) for path in facts if path not in known]
        missing = f"; the folder also has {', '.join(unlisted)}" if unlisted else ""
        return [f"  {table} has been edited and is used as it is{missing}. To renew it, delete it."]
    write_json(record, {"folder": str(folder), "table_sha256": _digest(new)})
    if old != new:
        write_text(table, new)
    return []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write_overlay(home: Path, folder: Path, fps: float | None, *, fit: bool) -> None:
    overlay: dict = {
        "videos": str(home / "videos.tsv"),
        "pathvars": {"results": str(home)},
    }
    if fps is not None:
        overlay["frames"] = {"fps": fps, "every": 1}
    if not fit:
        overlay["duration"] = {"estimators": []}
    header = (
        f"# Written by `make run` for {folder}, anew each time. Settings of your own\n"
        "# belong into another file: make run VIDEOS=folder/ CONFIG=my.yaml\n"
    )
    text = header + yaml.safe_dump(overlay, sort_keys=False, allow_unicode=True)
    write_text(home / "run.yaml", text)


def _rates_clash(facts: Iterable[Mapping]) -> bool:
    # The mean rate of a video is its regular one, unless it varies or has gaps.
    rates = [
        rate
        for about in facts
        for rate in (about["frame_rate"], about["n_frames"] / about["duration_s"])
    ]
    return bool(rates) and max(rates) > (1 + RATE_TOLERANCE) * min(rates)


def _describe_left_out(skipped: Mapping[str, str], unread: list[str]) -> list[str]:
    lines = [f"  left out: {name} ({reason})" for name, reason in skipped.items()]
    shown = lines[:20] + [f"  and {len(lines) - 20} more left out"] * (len(lines) > 20)
    return shown + [f"  WARNING: {reason}; its jobs will fail" for reason in unread]


def _describe_set(
    videos: Mapping[str, Video], facts: Mapping[str, Mapping], settings: Mapping
) -> list[str]:
    if not facts:
        return []
    seconds, frames = zip(
        *(_extent(videos[name], about, settings["frames"]) for name, about in facts.items()),
        strict=True,
    )
    rates = Counter(round(about["frame_rate"], 3) for about in facts.values())
    listed = ", ".join(f"{rate:g} ({count})" for rate, count in sorted(rates.items()))
    size, model = settings["frames"]["size"], settings["network"]["model"]
    cores, speeds = os.cpu_count() or 1, measure_speeds(settings["network"]["device"])
    work = GFLOP.get(model, GFLOP["vgg19"]) * (size / 224) ** 2 * sum(frames)
    others_s = sum(frames) * FRAME_S / cores + len(facts) * VIDEO_S / cores
    precision = settings["network"]["precision"]
    work_s = work / (speeds[precision] or speeds["float32"]) + others_s
    disk, temporary = sum(frames) * _stored_per_frame(settings), max(frames) * size**2 * 3
    lines = [
        f"  {sum(frames)} frames to analyse, {_time(sum(seconds))} of video; frames per second "
        f"(videos): {listed}",
        f"  about {_time(work_s)} on the {cores} processor "
        f"cores of this machine (rule of thumb for {model} at {size} pixels; a GPU is far faster)",
        *describe_precision(precision, speeds),
        f"  about {_size(disk)} on disk, and {_size(temporary)} for a while",
    ]
    if len({video.group for video in videos.values()}) < 3:
        lines.append("  fewer than three videos (or groups): everything but the fit of durations")
    return lines


def _stored_per_frame(settings: Mapping) -> float:
    """Bytes per analysed frame: features, maps (as they are before compression) and images."""
    network, size = settings["network"], settings["frames"]["size"]
    shapes = activation_shapes(network["model"], network["layers"], size)
    units = sum(math.prod(shapes[layer]) for layer in network["keep_maps"])
    of_image = IMAGE_BYTES_PER_PIXEL.get(settings["frames"]["images"], 0) * size**2
    return BYTES_PER_FRAME + units * {"float16": 2, "float32": 4}[network["maps_dtype"]] + of_image


def _extent(video: Video, about: Mapping, frames: Mapping) -> tuple[float, int]:
    """Seconds and frames of a video that are analysed."""
    end = min(video.end_s or math.inf, about["duration_s"])
    seconds = max(end - (video.start_s or 0.0), 0.0)
    share = seconds / about["duration_s"]
    kept = seconds * frames["fps"] if frames["fps"] else about["n_frames"] * share / frames["every"]
    return seconds, math.ceil(round(kept, 6))


def _describe_clash(folder: Path, facts: Mapping[str, Mapping]) -> list[str]:
    rate = min(about["frame_rate"] for about in facts.values())
    return [
        "  WARNING: frame rates differ by more than 1 %, between videos or within one, and change "
        "per frame depends on",
        "  the rate. This run goes on WITHOUT the fit of durations. To have it, resample to the "
        "lowest rate: "
        f"make run VIDEOS={shlex.quote(str(folder))} FPS={rate:.6g}",
    ]


def _describe_weights(network: Mapping) -> str:
    asked, model = network["weights"], network["model"]
    if asked == "untrained":
        return f"  UNTRAINED network: {model} (network.weights: untrained)"
    if asked not in ("imagenet", "auto"):
        if not os.path.isfile(asked):
            raise UserError(f"network.weights: no such file {one_line(asked, SHOWN_PATH)}")
        return f"  trained network: {model} with the weights of {asked}"
    url = weights_url(model)
    cached = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[1])
    if cached.is_file():
        return f"  trained network: {model} with ImageNet weights ({cached})"
    otherwise = "else the network stays UNTRAINED" if asked == "auto" else "else the run stops"
    return f"  trained network: {model}, if its ImageNet weights can be had from {url}; {otherwise}"


def _describe_unused(asked: Mapping, config: str | os.PathLike | None) -> list[str]:
    """A line on what the user asked for, in the file `config`, and the folder decides."""
    unused = [key for key in ("videos", "pathvars") if key in asked]
    if not unused:
        return []
    return [
        f"  WARNING: {' and '.join(unused)} of {config} not used: the folder decides. To use them: "
        f".venv/bin/snakemake --cores all --configfile {config}"
    ]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
