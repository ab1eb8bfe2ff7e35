"""Memory of feature extraction does not grow with the video."""

import json
import subprocess
import sys

import numpy as np
import pytest

from chronovision.core.hdf5 import new_h5
from chronovision.core.provenance import add_step
from chronovision.features.weights import fetch_weights

NETWORK = {
    **{"model": "alexnet", "weights": "untrained", "layers": ["pool1", "pool5"], "keep_maps": []},
    **{"maps_dtype": "float16", "device": "cpu", "precision": "float32", "batch_size": "auto"},
}

MEASURE = """
import json, resource, sys
from chronovision.features.extraction import extract_features
frames, weights, facts, output, network = sys.argv[1:]
extract_features(
    frames=frames, weights=weights, facts=facts, network=json.loads(network), seed=0, threads=1,
    features=output,
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(folder, n_frames):
    """Peak resident memory, in KiB, of extracting the features of `n_frames` frames of noise."""
    frames = folder / f"{n_frames}.h5"
    rng = np.random.default_rng(0)
    with new_h5(frames, add_step({"videos": {}}, "dump_frames", {})) as file:
        rgb = file.create_dataset("rgb", (n_frames, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))
        for first in range(0, n_frames, 100):
            rgb[first : first + 100] = rng.integers(0, 256, (100, 64, 64, 3), dtype=np.uint8)
        file["source_frame"] = np.arange(n_frames)
        file["time_s"] = np.arange(n_frames) / 25
        file["key_frame"] = file["repeated"] = np.zeros(n_frames, dtype=bool)
    weights = [folder / "weights.pth", folder / "weights.json"]
    words = [frames, *weights, folder / f"{n_frames}.features.h5", json.dumps(NETWORK)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_ten_times_the_frames_need_no_more_memory(tmp_path):
    fetch_weights(NETWORK, 0, tmp_path / "weights.pth", tmp_path / "weights.json")
    short = peak_kib(tmp_path, 300)
    assert peak_kib(tmp_path, 3000) < 1.1 * short
