"""Names of groups in figures."""

import numpy as np
import pandas as pd
import pytest

from chronovision.figures import set as set_figures
from support.results import VARIANTS

VARIANT = VARIANTS[0]

# Names in figures, pages and the methods text


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_stand_in_figures_as_they_are(tmp_path, monkeypatch):
    """A dollar sign is not mathematics, and an underscore hides no name."""
    groups = [r"$\frac{$", "_x", "a$b$", "مرحبا", "👩‍👩‍👧", "<b>&amp;"]
    n = 60
    table = pd.DataFrame({"group": np.resize(groups, n), "duration_s": np.linspace(1, 9, n)})
    table["pool1_count"], table["predicted_s"], table["estimator"] = 3, 2.0, "svr"
    drawn = []

    def keep(figure, path):
        drawn.extend(text.get_text() for text in figure.legends[0].get_texts())
        save(figure, path)

    save = set_figures.save
    monkeypatch.setattr(set_figures, "save", keep)
    with set_figures.styled():
        set_figures.draw_counts_vs_duration(tmp_path / "a.png", VARIANT, table)
        set_figures.draw_predictions(tmp_path / "b.png", VARIANT, table)
    assert [drawn.count(name) for name in groups] == [2] * len(groups)


def test_long_names_leave_room_for_the_panels(tmp_path, monkeypatch):
    table = pd.DataFrame({"group": [c * 100 for c in "xyz"], "duration_s": [1.0, 2.0, 3.0]})
    table["pool1_count"] = 3
    widths = []

    def measure(figure, path):
        save(figure, path)
        widths.append(figure.axes[0].get_window_extent().width / figure.bbox.width)

    save = set_figures.save
    monkeypatch.setattr(set_figures, "save", measure)
    with set_figures.styled():
        set_figures.draw_counts_vs_duration(tmp_path / "a.png", VARIANT, table)
    assert widths[0] > 0.5
