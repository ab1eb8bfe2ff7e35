"""What is worked through in blocks of rows equals what is worked through at once."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronovision.core.files import sidecar_path
from chronovision.core.hdf5 import new_h5, rows_dataset
from chronovision.core.metrics import METRICS
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import (
    BLOCK_ROWS,
    new_table,
    read_blocks,
    read_header,
    read_table,
    read_values,
    write_table,
)
from chronovision.salience.accumulators import accumulate_changes, run_accumulator
from chronovision.salience.changes import change_series, measure_changes
from chronovision.salience.thresholds import video_thresholds
from chronovision.segmentation.segments import find_boundaries
from support.sets import LAYERS, THRESHOLDS, MadeSet, made_changes

COLUMNS = {"a": ("a number", "m"), "b": ("another", "s"), "c": ("yes or no", "0 or 1")}
#: None, one, and two block boundaries, and rows that end at one.
LENGTHS = [2, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 7]


def made_table(n):
    rng = np.random.default_rng(n)
    table = pd.DataFrame({"a": rng.normal(size=n), "b": rng.integers(0, 9, n), "c": rng.random(n)})
    return table.assign(c=table["c"] > 0.5)


@pytest.mark.parametrize("n", LENGTHS)
def test_a_table_is_the_same_however_it_is_written_and_read(tmp_path, n):
    table = made_table(n)
    write_table(tmp_path / "once.tsv", table, COLUMNS, {})
    with new_table(tmp_path / "rows.tsv", COLUMNS, {}) as append:
        for start in range(0, n, 100):
            append(table.iloc[start : start + 100])
    text = table.assign(c=table["c"].astype(int)).to_csv(sep="\t", index=False)
    assert (tmp_path / "once.tsv").read_text() == (tmp_path / "rows.tsv").read_text() == text
    blocks = list(read_blocks(tmp_path / "once.tsv"))
    assert max(map(len, blocks)) <= BLOCK_ROWS
    pd.testing.assert_frame_equal(pd.concat(blocks), read_table(tmp_path / "once.tsv"))
    values = read_values(tmp_path / "once.tsv", ["b", "a"])
    np.testing.assert_array_equal(values, table[["b", "a"]])
    assert read_header(tmp_path / "once.tsv") == ["a", "b", "c"]


def test_a_table_that_fails_leaves_nothing(tmp_path):
    with (
        pytest.raises(ValueError, match="without description"),
        new_table(tmp_path / "t.tsv", COLUMNS, {}) as append,
    ):
        append(made_table(3))
        append(made_table(3).assign(d=1))
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_rows_has_its_header(tmp_path):
    write_table(tmp_path / "t.tsv", made_table(0), COLUMNS, {})
    assert (tmp_path / "t.tsv").read_text() == "a\tb\tc\n"
    assert list(json.loads(sidecar_path(tmp_path / "t.tsv").read_text())["columns"]) == [*"abc"]
    assert read_values(tmp_path / "t.tsv", ["a"]).shape == (0, 1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n", LENGTHS)
def test_changes(tmp_path, n, metric):
    rng = np.random.default_rng(n)
    moments = {"mean": rng.random(n), "std": 1 + rng.random(n), "step_sq": 300 + rng.random(n)}
    moments["step_sq"][0] = np.nan
    provenance = {"network": {"layers": ["pool1"]}, "software": {}, "steps": {}}
    with new_h5(tmp_path / "f.h5", provenance) as file:
        file["time_s"], file["source_frame"] = np.arange(n) / 25, np.arange(n) * 2
        group = file.create_group("layers/pool1")
        group.attrs["units"] = 100
        for name, values in moments.items():
            rows_dataset(group, name, (n,), np.float64)[:] = values
    measure_changes(tmp_path / "f.h5", tmp_path / "changes.tsv", metric=metric)
    table = read_table(tmp_path / "changes.tsv")
    np.testing.assert_array_equal(table["pool1"], change_series(metric, *moments.values(), 100))
    np.testing.assert_array_equal(table["frame"], np.arange(n))
    np.testing.assert_array_equal(table["source_frame"], np.arange(n) * 2)
    assert np.isnan(table["pool1"][0]) and table["pool1"][1:].notna().all()


@pytest.mark.parametrize("tau", [{"tau_s": 3.33, "tau_frames": None}, {"tau_frames": 50}])
@pytest.mark.parametrize("kind", ["static", "dynamic"])
@pytest.mark.parametrize("n", LENGTHS)
def test_accumulators(tmp_path, n, kind, tau):
    """Recursion, noise, times and counts go on from block to block."""
    chosen = {**THRESHOLDS, "dynamic": {**THRESHOLDS["dynamic"], **tau}}
    changes, time_s = (
        made_changes(1, n),
        np.cumsum(0.02 + 0.03 * np.random.default_rng(2).random(n)),
    )
    made = MadeSet(tmp_path).add("v", changes, time_s=time_s)
    output = tmp_path / "accumulators.tsv"
    accumulate_changes(
        changes={"correlation": made.changes["v"]},
        ranges={},
        video="v",
        threshold=kind,
        thresholds=chosen,
        seed=3,
        tables={"correlation": output},
    )
    thresholds = video_thresholds(changes, LAYERS, chosen, None)
    # Each layer's noise is its own, whatever other layers and videos there are.
    sources = [derive_rng(3, "noise", "accumulator", "v", layer) for layer in LAYERS]
    noise = np.column_stack([source.standard_normal(n - 1) for source in sources])
    rule = (chosen["dynamic"], noise) if kind == "dynamic" else ()
    threshold, salient = run_accumulator(changes, time_s, thresholds, *rule)
    table = read_table(output)
    for index, layer in enumerate(LAYERS):
        np.testing.assert_array_equal(table[f"{layer}_threshold"], threshold[:, index])
        np.testing.assert_array_equal(table[f"{layer}_salient"], salient[:, index])
        np.testing.assert_array_equal(table[f"{layer}_count"], np.cumsum(salient[:, index]))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 120), st.floats(0, 3))
def test_boundaries_equal_a_comparison_with_all(seed, n, least):
    rng = np.random.default_rng(seed)
    salient, boundary_strength = rng.random((n, 1)) > 0.5, rng.integers(0, 20, n) / 4
    time_s = np.cumsum(rng.random(n))
    candidates = [frame for frame in range(1, n) if salient[frame]]
    runs = np.split(candidates, np.flatnonzero(np.diff(candidates) > 1) + 1)
    peaks = [run[np.argmax(boundary_strength[run])] for run in runs if len(run)]
    taken = []
    for peak in sorted(peaks, key=lambda frame: (-boundary_strength[frame], frame)):
        if all(abs(time_s[peak] - time_s[other]) >= least for other in taken):
            taken.append(peak)
    found = find_boundaries(salient, boundary_strength, time_s, 1, least)
    assert found.tolist() == sorted(taken)


def test_chunks_hold_many_small_rows_few_large_ones_and_one_map(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        shapes = {"mean": (9000,), "sketch": (9000, 512), "maps": (9000, 512, 7, 7), "none": (0, 5)}
        chunks = {n: rows_dataset(file, n, shape, "f2").chunks for n, shape in shapes.items()}
    assert chunks == {"mean": (9000,), "sketch": (64, 512), "maps": (1, 512, 7, 7), "none": None}
