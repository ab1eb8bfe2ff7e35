"""What workflow/rules/planning.smk spares when Snakemake plans is still there to be spared.

A test that fails here says that a measure there is no longer needed, or no longer works: take it
out, or see what Snakemake does now.
"""

import json
import subprocess
import sys

import pytest

from support.pipeline import command_line, write_config, write_videos

N_VIDEOS = 30

#: Runs Snakemake in its own process and says, as the last line, what was spared.
DRIVER = """
import gc, json, sys
at_change, collections = [], []
DEFAULT, set_threshold = gc.get_threshold()[0], gc.set_threshold
def note(*thresholds):
    at_change.append(len(gc.get_objects()))
    gc.callbacks.append(lambda phase, info: phase == "start" and collections.append(info))
    set_threshold(*thresholds)
gc.set_threshold = note
from snakemake.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
import atexit
import snakemake.common, snakemake.rules, snakemake.sourcecache
found = {"code": code or 0, "collections": len(collections), "frozen_at_exit": 0}
found["collections_by_default"] = (len(gc.get_objects()) - at_change[0]) // DEFAULT
for module, name in (
    (snakemake.sourcecache, "parse_uri"),
    (snakemake.common, "get_function_params"),
    (snakemake.rules, "get_function_params"),
):
    about = getattr(module, name).cache_info()
    found[f"{module.__name__}.{name}"] = [about.hits, about.misses]
atexit._run_exitfuncs()
found["frozen_at_exit"] = gc.get_freeze_count()
print(json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def spared(tmp_path_factory):
    """What a plan of some videos, of which none has been probed, spared."""
    folder = tmp_path_factory.mktemp("plan")
    videos = {f"v{number}": folder / f"v{number}.mp4" for number in range(N_VIDEOS)}
    for path in videos.values():
        path.write_bytes(b"a film")
    write_videos(folder, videos)
    config = write_config(folder, {})
    command = command_line(folder, "--dry-run", "--quiet", "all", "--cores", "1", configs=[config])
    (index,) = (at for at, word in enumerate(command) if word == "snakemake")
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *command[index + 1 :]],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return found


def test_most_collections_of_garbage_are_spared(spared):
    assert 10 * spared["collections"] < spared["collections_by_default"]


def test_the_last_collection_is_spared(spared):
    """What is frozen is not looked through once more at the end."""
    assert spared["frozen_at_exit"] > 100_000


@pytest.mark.parametrize(
    "function",
    [
        "snakemake.sourcecache.parse_uri",
        "snakemake.common.get_function_params",
        "snakemake.rules.get_function_params",
    ],
)
def test_most_answers_are_remembered(function, spared):
    hits, misses = spared[function]
    assert hits > 3 * N_VIDEOS and hits > 5 * misses
