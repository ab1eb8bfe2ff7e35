"""Measures the pipeline on this machine and writes benchmarks/README.md and scaling.png.

bench.py [PART …] measures all parts or some, keeps what it finds as results/bench/PART.json, and
writes the page from all that there are.
"""

import argparse
import datetime
import json
import os
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).parents[1]

#: For films, features and what the parts find.
FOLDER = PROJECT / "results/bench"


def all_parts(threads: int) -> dict[str, Callable[[Path], object]]:
    """Name -> function that measures, given a folder, in the order in which they run."""
    # Processes in which a stage is measured import this file, but must not import these.
    import asking
    import batches
    import decoding
    import extraction
    import lengths
    import maps
    import page
    import sets

    return {
        "dumping": decoding.measure,
        "sets": sets.measure,
        "plans": sets.measure_plans,
        "small_jobs": sets.measure_small_jobs,
        "maps": lambda folder: maps.measure(folder, threads),
        "batches": lambda folder: batches.measure(folder, threads),
        "asking": lambda folder: asking.measure(folder, threads),
        "notebook": extraction.measure_notebook,
        "bfloat16": lambda folder: extraction.measure(folder, "bfloat16", 10, threads),
        "float32": lambda folder: extraction.measure(folder, "float32", 10, threads),
        "lengths": lambda folder: lengths.measure(folder, threads, page.fast_precision()),
        "long": lengths.measure_long,
    }


def main() -> None:
    """Measure what the command line asks for."""
    import page

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = all_parts(threads)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    asked = parser.parse_args().parts
    for name in asked:
        if name not in parts:
            parser.error(f"no part {name}: choose from {', '.join(parts)}")
    for name in asked or parts:
        print(f"{datetime.datetime.now():%H:%M:%S} {name}", flush=True)
        found = {"machine": page.machine(threads), "found": parts[name](FOLDER)}
        part = FOLDER / f"{name}.json.part"
        part.write_text(json.dumps(found, indent=1), encoding="utf-8")
        part.rename(FOLDER / f"{name}.json")
    found = {
        name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        for name in parts
        if (FOLDER / f"{name}.json").exists()
    }
    page.write(PROJECT / "benchmarks", found)


if __name__ == "__main__":
    main()
