"""What a film costs by its length: seconds, memory and disk of every stage."""

from pathlib import Path

import h5py
import numpy as np

import stages
from material import make_film
from measure import Cost, in_process

MINUTES = (1, 10, 60)

#: Side of the pictures: memory and disk per frame behind the network do not depend on it, and an
#: hour of film is through in minutes.
SIZE = 32

#: A film of two hours is one of an hour twice.
LONG_MINUTES = 120


def measure(folder: Path, threads: int, precision: str, minutes=MINUTES) -> list[dict]:
    """Seconds and MB of each stage, and bytes per frame of the features, for each length."""
    return [_film(folder, length, threads, precision) for length in minutes]


def _film(folder: Path, minutes: float, threads: int, precision: str) -> dict:
    film = stages.Film(folder / "lengths", f"{minutes:g}min")
    source = make_film(folder, 360, minutes)
    section = stages.network(precision=precision)
    stages.fetch(film, section)
    costs: dict[str, list[Cost]] = {
        "probe_video": [in_process(stages.probe, film, source)],
        "dump_frames": [in_process(stages.dump, film, SIZE)],
        "describe_frames": [in_process(stages.describe, film, SIZE)],
        "extract_features": [in_process(stages.extract, film, section, threads)],
    }
    stream = costs["extract_features"][0].result
    film.frames.unlink()
    costs |= stages.run_from_features(film)
    return {
        "minutes": minutes,
        "n_frames": stream["n_frames"],
        "bytes_per_frame": film.features.stat().st_size / stream["n_frames"],
        "stages": stages.as_json(costs),
    }


def measure_long(folder: Path) -> dict:
    """The stages behind the features, for a film twice as long as the longest of `measure`."""
    short = stages.Film(folder / "lengths", f"{LONG_MINUTES / 2:g}min")
    if not short.features.exists():
        raise SystemExit("error: part long needs part lengths: make bench PARTS='lengths long'")
    film = stages.Film(folder / "lengths", f"{LONG_MINUTES:g}min")
    _double(short.features, film.features)
    _double_table(short.pixels, film.pixels)
    film.info.write_bytes(short.info.read_bytes())
    _double_thumbnails(short.thumbnails, film.thumbnails)
    costs = stages.run_from_features(film)
    with h5py.File(film.features, "r") as file:
        n_frames = len(file["time_s"])
    return {
        "minutes": LONG_MINUTES,
        "n_frames": n_frames,
        "page_bytes": film.page.stat().st_size,
        "stages": stages.as_json(costs),
    }


def _double(source: Path, target: Path) -> None:
    """A file of features that shows the film twice."""
    from chronovision.features.joining import join_pieces

    with h5py.File(source, "r") as file:
        length_s = file["time_s"][-1] + file["time_s"][1]
    second = target.with_suffix(".second.h5")
    second.write_bytes(source.read_bytes())
    with h5py.File(second, "r+") as file:
        file["time_s"][:] += length_s
        for layer in file["layers"].values():
            layer["step_sq"][0] = layer["step_sq"][-1]
    join_pieces([source, second], target)
    second.unlink()


def _double_thumbnails(source: Path, target: Path) -> None:
    with h5py.File(source, "r") as once, h5py.File(target, "w") as twice:
        length = once["frame"][-1] + 1, once["time_s"][-1] + once["time_s"][1]
        for name, later in zip(("frame", "time_s"), length, strict=True):
            twice[name] = np.concatenate([once[name][:], once[name][:] + later])
        jpeg = twice.create_dataset("jpeg", twice["frame"].shape, h5py.vlen_dtype(np.uint8))
        for index, picture in enumerate([*once["jpeg"], *once["jpeg"]]):
            jpeg[index] = picture


def _double_table(source: Path, target: Path) -> None:
    import pandas as pd

    from chronovision.confounds.pixels import COLUMNS
    from chronovision.core.provenance import read_provenance
    from chronovision.core.tables import read_table, write_table

    once = read_table(source)
    again = once.assign(time_s=once["time_s"] + once["time_s"].iloc[-1] + once["time_s"].iloc[1])
    both = pd.concat([once, again], ignore_index=True)
    both["frame"] = range(len(both))
    write_table(target, both, COLUMNS, read_provenance(source))
