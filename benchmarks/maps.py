"""How much of their size activation maps take on disk."""

from pathlib import Path

import h5py

import stages
from material import make_film
from measure import in_process

FRAMES_S = 4.0


def measure(folder: Path, threads: int) -> list[dict]:
    """Bytes of stored and raw float16 maps of pool5, for untrained weights.

    Trained networks are sparser: theirs take less.
    """
    film = stages.Film(folder / "maps", "one")
    in_process(stages.probe, film, make_film(folder, 360, 1))
    in_process(stages.dump, film, 224)
    section = stages.network(keep_maps=["pool5"])
    stages.fetch(film, section)
    in_process(stages.extract, film, section, threads, (0.0, FRAMES_S))
    with h5py.File(film.features, "r") as file:
        maps = file["layers/pool5/maps"]
        return [{"layer": "pool5", "stored": maps.id.get_storage_size(), "raw": maps.nbytes}]
