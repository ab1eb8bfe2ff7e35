"""How series and matrices are made ready to be drawn."""

import numpy as np
import pytest

from chronovision.figures.matrices import (
    binned_z_scores,
    correlation_from_sketch,
    evenly_timed,
    sort_channels,
)
from chronovision.figures.style import envelope, needs_log, thin_marks

pytestmark = pytest.mark.filterwarnings("error")


def test_envelope_keeps_peaks_and_troughs():
    x = np.arange(200_000) / 24
    y = np.random.default_rng(0).normal(size=len(x))
    y[123_457], y[77_777], y[5] = 50.0, -50.0, np.nan
    thin_x, thin_y = envelope(x, y)
    assert len(thin_x) <= 2400
    assert np.all(np.diff(thin_x) > 0)
    assert (thin_y.max(), thin_y.min()) == (50.0, -50.0)
    assert thin_x[thin_y.argmax()] == x[123_457]


def test_short_series_are_drawn_whole():
    x, y = envelope(np.arange(4.0), np.array([np.nan, 1.0, 0.0, 2.0]))
    assert (x.tolist(), y.tolist()) == ([1, 2, 3], [1, 0, 2])


def test_thinned_marks_are_the_highest():
    x, y = np.arange(50_000.0), np.random.default_rng(1).random(50_000)
    y[33_333] = 9.0
    thin_x, thin_y = thin_marks(x, y)
    assert len(thin_x) <= 1000
    assert thin_x[thin_y.argmax()] == 33_333


def test_a_dwarfing_cut_asks_for_a_log_scale():
    calm = np.full(100, 0.01)
    assert not needs_log([calm])
    assert needs_log([calm, np.r_[calm, 0.9]])
    assert not needs_log([np.zeros(5)])


def test_z_scores_are_over_time_and_constant_channels_are_zero():
    rng = np.random.default_rng(2)
    channels = np.c_[rng.normal(5, 3, (400, 3)), np.full(400, 0.1)].astype("f4")
    z = binned_z_scores(channels, np.arange(400) / 25)
    expected = (channels - channels.mean(0)) / np.where(channels.std(0) < 1e-6, 1, channels.std(0))
    np.testing.assert_allclose(z[:3], expected.T[:3], atol=1e-4)
    assert np.all(z[3] == 0)


def test_long_films_fill_the_columns_of_a_heatmap():
    time = np.sort(np.random.default_rng(3).uniform(0, 100, 5000))
    z = binned_z_scores(np.arange(5000.0)[:, None], time)
    assert z.shape == (1, 600)
    assert np.all(np.diff(z[0]) >= 0)


def test_sorting_channels_puts_alike_ones_together():
    wave = np.sin(np.linspace(0, 9, 50))
    rows = sort_channels(np.array([wave, -wave, wave, -wave, wave]))
    assert np.sign(rows[:, 3]).tolist() in ([1, 1, 1, -1, -1], [-1, -1, 1, 1, 1])


def test_similarity_is_the_cosine_of_sketches_and_unknown_for_constant_frames():
    sketch = np.array([[1, 0], [2, 0], [0, 3], [0, 0]], dtype="f2")
    r = correlation_from_sketch(sketch)
    np.testing.assert_array_equal(r[:3, :3], [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert np.isnan(r[3]).all()


def test_frames_are_chosen_evenly_in_time():
    assert evenly_timed(np.arange(5) / 25, 300).tolist() == [0, 1, 2, 3, 4]
    assert evenly_timed(np.array([0.0, 0.1, 0.2, 1.0]), 3).tolist() == [0, 2, 3]
