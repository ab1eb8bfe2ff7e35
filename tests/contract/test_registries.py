"""Registries: what the config can name, and all that is said of it, stands in one entry."""

import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.metrics import METRICS, Metric
from chronovision.core.tables import read_table
from chronovision.figures import video as video_figures
from chronovision.figures.style import styled
from chronovision.report.captions import caption
from chronovision.report.methods import methods_paragraphs
from chronovision.salience.changes import measure_changes
from support.results import MadeResults

SHIFT = Metric(
    name="shift",
    label="shift of the mean",
    axis_label="shift (activation units)",
    unit="activation",
    sentence="the shift of the mean, change(t) = |m(t) − m(t−1)|",
    change=lambda moments: np.abs(np.diff(moments.mean, prepend=np.nan)),
)


@pytest.fixture
def shift(monkeypatch) -> Metric:
    """A metric more, by one entry."""
    monkeypatch.setitem(METRICS, "shift", SHIFT)
    return SHIFT


def test_a_new_metric_is_one_entry(shift, tmp_path, monkeypatch):
    features, table = tmp_path / "features.h5", tmp_path / "changes.tsv"
    provenance = {"network": {"layers": ["pool1"]}, "software": {}, "steps": {}}
    with new_h5(features, provenance) as file:
        file["time_s"], file["source_frame"] = np.arange(3) / 25, np.arange(3)
        group = file.create_group("layers/pool1")
        group.attrs["units"] = 10
        group["mean"], group["std"] = [1.0, 1.5, 0.5], [1.0, 1.0, 1.0]
        group["step_sq"] = [np.nan, 4.0, 9.0]
    measure_changes(features, table, metric=shift.name)
    changes = read_table(table)
    assert changes["pool1"][1:].tolist() == [0.5, 1.0]
    assert read_json(table.with_suffix(".json"))["columns"]["pool1"]["unit"] == shift.unit

    figures = {}
    monkeypatch.setattr(video_figures, "save", lambda figure, path: figures.update({path: figure}))
    with styled():
        video_figures.draw_changes("changes", shift.name, "v", changes)
    assert shift.label in figures["changes"].get_suptitle()
    labels = [part.get_supxlabel() for part in figures["changes"].subfigs]
    assert any(shift.axis_label in label for label in labels)

    assert shift.label in caption(f"timeline.{shift.name}.static").title
    made = MadeResults(tmp_path)
    made.config["changes"]["metrics"] = ["correlation", shift.name]
    provenance = made.provenance("a")
    told = methods_paragraphs(made.config, provenance, 3, design=None, fitted=[])
    assert f"; and {shift.sentence}." in " ".join(told)
