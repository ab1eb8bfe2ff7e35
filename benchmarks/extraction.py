"""The network's stage against its peers, and the whole way from a file to its change series."""

import subprocess
import sys
import time
from pathlib import Path

import peers
import stages
from material import RATE, make_film, make_pictures
from measure import in_process

SIZE = 224
NOTEBOOK_FRAMES = 150

#: Seconds for which the limit is timed beside each minute of the film.
LIMIT_S = 12.0


def measure(folder: Path, minutes: int, threads: int) -> dict:
    """All that this module measures, in frames per second and seconds.

    Parameters
    ----------
    folder : for films and results.
    minutes : length of the film.
    threads : CPU threads of the network.
    """
    pictures = make_pictures(folder, NOTEBOOK_FRAMES)
    found: dict = {"minutes": minutes, "threads": threads, "start_up": _start_up()}
    found["notebook"] = in_process(peers.notebook_rate, pictures).result
    found["stages"] = _stages_beside(folder, minutes)
    for precision in ("bfloat16", "float32"):
        limits = in_process(peers.limit_rates, precision, threads).result
        found[precision] = {
            "limits": limits,
            **_extraction(folder, precision, minutes, threads, fastest(limits)),
        }
    return found


def fastest(limits: list[dict]) -> dict:
    """Of the ways of running the bare network the fastest."""
    return max((row for row in limits if "rate" in row), key=lambda row: row["rate"])


def _start_up() -> dict[str, float]:
    """Seconds of a process that only imports what the stage needs."""
    seconds = {}
    for name in ("features", "changes"):
        command = [sys.executable, "-c", f"import chronovision.{name}"]
        start = time.perf_counter()
        subprocess.run(command, check=True, cwd=stages.PROJECT / "scripts")
        seconds[f"import of chronovision.{name}"] = time.perf_counter() - start
    return seconds


def _stages_beside(folder: Path, minutes: int) -> dict:
    """Seconds of decoding the film, at either height, and bytes of its frames."""
    found = {}
    for height in (720, 360):
        film = _film(folder, height)
        source = make_film(folder, height, minutes)
        in_process(stages.probe, film, source)
        found[f"dump_{height}p_s"] = in_process(stages.dump, film, SIZE).seconds
    return found


def _film(folder: Path, height: int) -> stages.Film:
    return stages.Film(folder / "way", f"{height}p")


def _extraction(
    folder: Path, precision: str, minutes: int, threads: int, best: dict
) -> dict:
    """The stage minute by minute, with the limit timed before each, then the change series.

    The machine's speed varies by more than what is to be seen: only neighbours in time compare.
    """
    film, section = _film(folder, 360), stages.network(precision=precision)
    stages.fetch(film, section)
    rows = []
    for minute in range(minutes):
        way = (best["name"], best["batch"])
        limit = in_process(peers.limit_rate, precision, threads, *way, LIMIT_S).result
        window = (60.0 * minute, 60.0 * (minute + 1))
        cost = in_process(stages.extract, film, section, threads, window)
        rows.append(
            {
                "limit": limit,
                **cost.result,
                "start_up_s": cost.seconds - cost.result["stream_s"],
                "peak_mb": cost.peak_mb,
                "bytes": film.features.stat().st_size,
            }
        )
    changes = [in_process(stages.change, film, metric).seconds for metric in stages.METRICS]
    return {"rows": rows, "changes_s": sum(changes)}


def ratios(found: dict, precision: str) -> dict[str, float]:
    """The ratios that the targets are about."""
    rows = found[precision]["rows"]
    frames = sum(row["n_frames"] for row in rows)
    stream_s = sum(row["stream_s"] for row in rows)
    # What the limit would have taken for the frames beside which it was timed.
    limit_s = sum(row["n_frames"] / row["limit"] for row in rows)
    result = {
        "rate": frames / stream_s,
        "limit": frames / limit_s,
        "of_limit": limit_s / stream_s,
        "of_notebook": frames / stream_s / found["notebook"],
    }
    share = frames / (60 * RATE * found["minutes"])
    for height in (720, 360):
        whole_s = stream_s + share * found["stages"][f"dump_{height}p_s"]
        result[f"way_{height}p"] = limit_s / (whole_s + found[precision]["changes_s"])
    return result
