"""The network's stage against its peers, and the whole way from a file to its change series."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import peers
import stages
from material import make_film, make_pictures
from measure import best_of, in_process

SIZE = 224
NOTEBOOK_FRAMES = 150

#: Seconds for which the limit is timed beside each minute of the film.
LIMIT_S = 8.0

#: Frames per second of the film: half as many, in half the time, of as many minutes.
RATE = 12


def measure_notebook(folder: Path) -> dict:
    """Frames per second of the notebook, and seconds that starting up takes."""
    pictures = make_pictures(folder, NOTEBOOK_FRAMES)
    return {"rate": in_process(peers.notebook_rate, pictures).result, "start_up_s": _imports()}


def measure(folder: Path, precision: str, minutes: int, threads: int) -> dict:
    """The stage in one precision, the limit beside it, and the stages before and behind it.

    Parameters
    ----------
    folder : for films and results.
    precision : ``float32`` or ``bfloat16``.
    minutes : of the film that go through the network.
    threads : CPU threads of the network.
    """
    film = _film(folder, 360)
    dump_s = {
        height: _dump(_film(folder, height), make_film(folder, height, minutes, RATE))
        for height in (720, 360)
    }
    limits = in_process(peers.limit_rates, precision, threads).result
    section = stages.network(precision=precision)
    stages.fetch(film, section)
    rows = [_minute(film, section, minute, threads, fastest(limits)) for minute in range(minutes)]
    changes = [in_process(stages.change, film, metric).seconds for metric in stages.METRICS]
    return {
        "minutes": minutes,
        "dump_s": dump_s,
        "limits": limits,
        "rows": rows,
        # The features on disk are those of the last minute.
        "changes_s": sum(changes) * minutes,
    }


def _film(folder: Path, height: int) -> stages.Film:
    return stages.Film(folder / "way", f"{height}p")


def _dump(film: stages.Film, source: Path) -> float:
    in_process(stages.probe, film, source)
    return in_process(stages.dump, film, SIZE).seconds


def _minute(film: stages.Film, section: dict, minute: int, threads: int, best: dict) -> dict:
    """One minute through the network, right after the limit.

    The machine's speed varies by more than what is to be seen: only neighbours in time compare.
    """
    way = (best["name"], best["batch"], LIMIT_S)
    limit = in_process(peers.limit_rate, section["precision"], threads, *way).result
    window = (60.0 * minute, 60.0 * (minute + 1))
    cost = in_process(stages.extract, film, section, threads, window)
    return {
        "limit": limit,
        **cost.result,
        "start_up_s": cost.seconds - cost.result["stream_s"],
        "peak_mb": cost.peak_mb,
        "bytes": film.features.stat().st_size,
    }


def fastest(limits: list[dict]) -> dict:
    """Of the ways of running the bare network the fastest."""
    return max((row for row in limits if "rate" in row), key=lambda row: row["rate"])


def _imports() -> dict[str, float]:
    """Seconds of a process that only imports what a stage needs."""
    seconds = {}
    modules = {"features": "features.extraction", "changes": "salience.changes"}
    for name, module in modules.items():
        command = [sys.executable, "-c", f"import chronovision.{module}"]
        seconds[name] = best_of(3, partial(subprocess.run, command, check=True))
    return seconds


def ratios(found: dict, notebook: float) -> dict[str, float]:
    """The ratios that the targets are about, of what `measure` found."""
    rows = found["rows"]
    frames = sum(row["n_frames"] for row in rows)
    stream_s = sum(row["stream_s"] for row in rows)
    # What the limit would have taken for the frames beside which it was timed.
    limit_s = sum(row["n_frames"] / row["limit"] for row in rows)
    way_s = {h: stream_s + s + found["changes_s"] for h, s in found["dump_s"].items()}
    return {
        "rate": frames / stream_s,
        "limit": frames / limit_s,
        "of_limit": limit_s / stream_s,
        "of_notebook": frames / stream_s / notebook,
        "limit_of_notebook": frames / limit_s / notebook,
        **{f"way_{height}p": limit_s / seconds for height, seconds in way_s.items()},
        "start_up_s": min(row["start_up_s"] for row in rows),
        "peak_mb": max(row["peak_mb"] for row in rows),
        "bytes_per_frame": sum(row["bytes"] for row in rows) / frames,
    }
