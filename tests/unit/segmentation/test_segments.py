"""Segments: boundaries, merging, least distance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chronovision.segmentation.segments import find_boundaries, layers_needed, segment_table


def find(salient, boundary_strength, min_layers=1, min_duration_s=0.0, rate=10):
    time_s = np.arange(len(boundary_strength)) / rate
    return find_boundaries(
        np.asarray(salient), np.asarray(boundary_strength), time_s, min_layers, min_duration_s
    )


def test_a_run_is_merged_at_its_largest_change():
    salient = np.array([[0, 1, 1, 1, 0, 0, 1, 0]], dtype=bool).T
    assert find(salient, [0, 2, 5, 3, 0, 0, 1, 0]).tolist() == [2, 6]


def test_enough_layers_must_agree():
    salient = np.array([[0, 1, 1, 0, 1], [0, 0, 1, 0, 1], [0, 0, 1, 0, 0]], dtype=bool).T
    assert find(salient, [0, 1, 1, 1, 1], min_layers=2).tolist() == [2, 4]
    assert find(salient, [0, 1, 1, 1, 1], min_layers=3).tolist() == [2]


def test_the_stronger_of_two_close_boundaries_stays():
    salient = np.zeros((20, 1), dtype=bool)
    salient[[5, 8, 15]] = True
    boundary_strength = np.zeros(20)
    boundary_strength[[5, 8, 15]] = [1, 2, 1]
    assert find(salient, boundary_strength, min_duration_s=0.5).tolist() == [8, 15]


def test_frame_zero_is_no_boundary_and_none_is_fine():
    assert find(np.ones((1, 2), dtype=bool), [np.nan]).tolist() == []
    assert find(np.zeros((5, 2), dtype=bool), np.zeros(5)).tolist() == []


@given(
    arrays(bool, st.tuples(st.integers(2, 80), st.just(3))),
    st.integers(0, 10**6),
    st.floats(0, 2),
)
def test_segments_cover_every_row_once_and_keep_their_distance(salient, seed, least):
    n = len(salient)
    boundary_strength, time_s = np.random.default_rng(seed).random(n), np.arange(n) / 10
    boundaries = find_boundaries(salient, boundary_strength, time_s, 2, least)
    table = segment_table(boundaries, time_s, boundary_strength, salient.sum(axis=1))
    assert table["n_frames"].sum() == n
    assert (
        table["start_frame"].to_numpy()[1:]
        == table["start_frame"].to_numpy()[:-1] + table["n_frames"].to_numpy()[:-1]
    ).all()
    assert np.isclose(table["duration_s"].sum(), n / 10)
    assert (np.diff(time_s[boundaries]) >= least).all()
    assert np.isnan(table["change"][0]) and table["change"][1:].notna().all()


def test_majority_is_more_than_half():
    assert [layers_needed("majority", n) for n in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]
    assert layers_needed(2, 5) == 2
