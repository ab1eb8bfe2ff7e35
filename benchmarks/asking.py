"""Resource requests of jobs, beside what they used: a run of the pipeline on two films.

What asks for one thread runs on one core where it would make use of more: decoding.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

import stages
from chronovision.core.files import read_json
from chronovision.core.results import Results
from chronovision.core.tables import read_table
from chronovision.jobs import resources
from chronovision.jobs.costs import CORE_GFLOPS, COSTS, network_seconds, stage_seconds, video_extent
from chronovision.videos.span import Span
from material import make_film

#: Lengths of the films.
MINUTES = (1, 3)
#: Frames per second.
RATE = 12
#: Stages that decode.
DECODERS = ("dump_frames", "describe_frames")

CONFIG = {
    "videos": "videos.tsv",
    "network": {"weights": "untrained", "device": "cpu"},
    "clips": {"durations_s": [1, 2, 4, 8, 16]},
}


def measure(folder: Path, threads: int) -> list[dict]:
    """Stage, film, and what was asked for and used: MB and minutes.

    With the minutes that follow from the film's frames, whatever the least is, of the stages whose
    time is that of the frames.
    """
    films = {f"film{minutes}": make_film(folder, 720, minutes, RATE) for minutes in MINUTES}
    place = folder / "asked"
    place.mkdir(exist_ok=True)
    lines = ["video\tpath", *(f"{name}\t{path.resolve()}" for name, path in films.items())]
    (place / "videos.tsv").write_text("\n".join(lines) + "\n")
    (place / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    with _one_core():
        words = ("--forceall", "--notemp", "--until", *DECODERS)
        stages.snakemake(place, *words, cores=1)
    stages.snakemake(place, cores=threads)
    return [row for film in films for row in _rows(place / "results", film, threads)]


@contextmanager
def _one_core() -> Iterator[None]:
    """What is started meanwhile runs on one core, as a cluster's job does that asks for no more."""
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _rows(results: Path, film: str, threads: int) -> list[dict]:
    info = read_json(Results(results).video_facts(video=film))
    extent = video_extent(info, {"every": 1, "step_s": None, "fps": None}, Span())
    asked = {
        stage: (resources.stage_mb(stage, 1), resources.stage_minutes(stage, extent, 1))
        for stage in COSTS
    }
    ((name, weights),) = Results(results).weights.found().items()
    gflop = read_json(Results(results).weights_facts(weights=name))["gflop"]
    threads = min(threads, resources.network_threads(extent.rows))
    asked["extract_features"] = (
        resources.network_mb(weights.stat().st_size, gpu=False, attempt=1),
        resources.network_minutes(extent.rows, 224, gflop, threads, gpu=False, attempt=1),
    )
    seconds = {stage: stage_seconds(stage, extent) for stage in DECODERS}
    speed = CORE_GFLOPS * threads
    seconds["extract_features"] = network_seconds(extent.rows, 224, gflop, speed)
    found = []
    for stage, (megabytes, minutes) in asked.items():
        tables = results.glob(f"benchmarks/{stage}/{film}.tsv")
        tables = [*tables, *results.glob(f"benchmarks/{stage}/*.{film}.tsv")]
        if stage == "export_images":
            continue  # nothing asks for images
        used = [read_table(table).iloc[0] for table in tables]
        found.append(
            {
                **{"stage": stage, "film": film, "asked_mb": megabytes, "asked_min": minutes},
                "used_mb": max(float(one["max_rss"]) for one in used) + resources.SNAKEMAKE_MB,
                "used_min": max(float(one["s"]) for one in used) / 60,
                "frames_min": resources.ROOM * seconds[stage] / 60 if stage in seconds else None,
            }
        )
    return found
