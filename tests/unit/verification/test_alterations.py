"""Every number that is altered by hand is found."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from chronovision.core.metrics import METRICS
from chronovision.core.results import Results
from support.tiers import slow_after
from support.verified import (
    N,
    alter,
    failures,
    verify,
)

# What was altered

LAST = {"mean": (), "std": (), "step_sq": (), "channels": (3,), "sketch": (100,), "maps": (5, 0, 0)}


@pytest.mark.moderate
@pytest.mark.parametrize("name", slow_after(1, LAST))
def test_an_altered_moment_is_found(name, results):
    with h5py.File(Results(results).features(video="a"), "r+") as file:
        dataset = file["layers/pool5"][name]
        where = (N - 2, *LAST[name])
        dataset[where] = 1.01 * dataset[where] + np.float16(0.001)
    _, lines = verify(results)
    found = failures(lines)
    assert "DOES NOT HOLD a: features" in found
    (line,) = (line for line in lines if "NOT HOLD a: features" in line)
    shown = "root of step_sq" if name == "step_sq" else name.removesuffix("s")
    assert f"pool5, row {N - 2}: {shown}" in line and " instead of " in line
    whole = {"mean": "channels", "channels": "channels", "std": "changes/correlation"}
    whole["step_sq"] = "changes/euclidean"
    assert name not in whole or f"DOES NOT HOLD a: {whole[name]}" in found


@pytest.mark.moderate
def test_an_altered_change_is_found_in_the_table_and_against_the_film(results):
    path = Results(results).changes(metric="cosine", video="a")
    before = float(pd.read_csv(path, sep="\t")["conv2"][12])
    alter(path, 12, "conv2", before * 1.01)
    holds, lines = verify(results)
    found = failures(lines)
    assert not holds and found[:2] == [
        "DOES NOT HOLD a: sampled changes/cosine",
        "DOES NOT HOLD a: changes/cosine",
    ]
    assert any(
        f"conv2 in row 12 of a.tsv is {before * 1.01} instead of {before}" in line for line in lines
    )
    assert "DOES NOT HOLD a: changes/cosine" in failures(verify(results, sample=1)[1])


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("table", "row", "column", "found"),
    slow_after(
        1,
        [
            ("pixels/a.tsv", 3, "contrast", "a: pixels"),
            ("pixels/a.tsv", 3, "pixel_change", "a: pixels"),
            (
                "accumulators/cosine.dynamic/a.tsv",
                0,
                "conv2_threshold",
                "a: accumulators/cosine.dynamic",
            ),
            ("segments/cosine.static/a.tsv", 0, "duration_s", "a: segments/cosine.static"),
            ("accumulators/summary.tsv", 2, "pool1_count", "summary"),
            ("accumulators/summary.tsv", 5, "duration_s", "summary"),
        ],
    ),
)
def test_an_altered_cell_is_found(table, row, column, found, results):
    alter(results / table, row, column, 0.123)
    assert failures(verify(results)[1]) == [f"DOES NOT HOLD {found}"]


@pytest.mark.moderate
def test_altered_ranges_and_what_follows_from_them(results):
    alter(Results(results).ranges(metric="cosine"), 0, "high", 1.9)
    found = failures(verify(results, sample=1)[1])
    assert "DOES NOT HOLD ranges/cosine" in found
    assert "DOES NOT HOLD a: accumulators/cosine.static" in found


@pytest.mark.moderate
def test_an_altered_time_is_found(results):
    with h5py.File(Results(results).features(video="a"), "r+") as file:
        file["time_s"][5] += 0.001
    _, lines = verify(results, sample=1)
    assert "DOES NOT HOLD a: frames" in failures(lines)
    assert any("time_s in row 5 is 0.626 instead of 0.625" in line for line in lines)


@pytest.mark.moderate
def test_an_altered_fact_of_the_video_is_found(results):
    path = Results(results).video_facts(video="a")
    path.write_text(path.read_text().replace('"width": 96', '"width": 97'))
    found = [line for line in verify(results, sample=1)[1] if "NOT HOLD" in line]
    assert found == ["DOES NOT HOLD a: video facts: width is 97 instead of 96"]


@pytest.mark.moderate
def test_another_film_is_found_and_not_decoded(results, made, tmp_path):
    data = bytearray((made / "films/a.mp4").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.mp4").write_bytes(data)
    _, lines = verify(results, videos=tmp_path)
    assert failures(lines) == ["DOES NOT HOLD a: video file", "NOT CHECKED a: features"]


@pytest.mark.moderate
def test_other_weights_are_found_and_not_used(results):
    path = results / "weights/alexnet.untrained.pth"
    state = torch.load(path, weights_only=True)
    state["features.0.bias"][0] += 1e-3
    torch.save(state, path)
    assert failures(verify(results)[1]) == [
        "DOES NOT HOLD weights/alexnet.untrained",
        "NOT CHECKED a: features",
        *(f"NOT CHECKED a: sampled changes/{metric}" for metric in sorted(METRICS)),
    ]
