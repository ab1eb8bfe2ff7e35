"""Whether VGG19's features at full size depend on the batch or on the number of threads."""

import hashlib
from pathlib import Path

import h5py

import stages
from material import make_film
from measure import in_process

#: Seconds of film at 24 frames per second: three batches of eight.
FILM_S = 1.0

BATCHES = (8, 1, 3, 16)


def measure(folder: Path, threads: int) -> list[dict]:
    """For either precision the runs, (batch, threads), and how many results they gave."""
    film = stages.Film(folder / "batches", "one")
    in_process(stages.probe, film, make_film(folder, 360, 1))
    in_process(stages.dump, film, 224)
    stages.fetch(film, stages.network())
    runs = [(batch, threads) for batch in BATCHES] + [(BATCHES[0], 1)]
    rows = []
    for precision in ("bfloat16", "float32"):
        digests = {_features(film, precision, *run) for run in runs}
        rows.append({"precision": precision, "runs": runs, "results": len(digests)})
    return rows


def _features(film: stages.Film, precision: str, batch: int, threads: int) -> str:
    """Digest of all that is stored of the layers."""
    section = stages.network(precision=precision, batch_size=batch)
    in_process(stages.extract, film, section, threads, (0.0, FILM_S))
    digest = hashlib.sha256()
    with h5py.File(film.features, "r") as file:
        for layer in file["layers"].values():
            for dataset in layer.values():
                digest.update(dataset[()].tobytes())
    return digest.hexdigest()
