"""Registries: what the config can name, and all that is said of it, stands in one entry.

What verifies a metric is not in its entry but in verification/features.py, which must not share its
code: tests/unit/verification/test_deviations.py asks for it.
"""

import subprocess
import sys

import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.metrics import METRICS, Metric
from chronovision.core.tables import read_table
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.duration.estimators import ESTIMATORS
from chronovision.figures import video as video_figures
from chronovision.figures.style import THRESHOLD_COLOURS, styled
from chronovision.jobs.code_digest import covered_modules
from chronovision.report.captions import caption
from chronovision.report.methods import methods_paragraphs
from chronovision.salience.changes import measure_changes
from support.paths import SCRIPTS
from support.results import MadeResults

SHIFT = Metric(
    name="shift",
    label="shift of the mean",
    axis_label="shift (activation units)",
    unit="activation",
    sentence="the shift of the mean, change(t) = |m(t) − m(t−1)|",
    largest=None,
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


#: Adds an entry to each registry, under the name `other`, before the config's models are made.
OTHER = """
from dataclasses import replace
from chronovision.core.metrics import METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS
from chronovision.duration.estimators import ESTIMATORS
for registry in (METRICS, THRESHOLD_KINDS, ESTIMATORS):
    registry["other"] = replace(next(iter(registry.values())), name="other")
from chronovision.config.check import check_config
check_config({
    "changes": {"metrics": ["other"]},
    "thresholds": {"kinds": ["other"]},
    "duration": {"estimators": ["other"]},
})
"""


def test_notes_on_quality_need_no_definition_of_a_metric():
    covered = covered_modules(SCRIPTS / "check_quality.py")
    assert "chronovision.core.constant_frames" in covered
    assert "chronovision.core.metrics" not in covered


def test_the_config_may_name_what_is_registered():
    subprocess.run([sys.executable, "-c", OTHER], check=True, cwd=SCRIPTS)


@pytest.mark.parametrize("registry", [METRICS, THRESHOLD_KINDS, ESTIMATORS])
def test_an_entry_is_found_by_its_name(registry):
    assert len(registry) > 1
    assert all(name == entry.name and entry.label for name, entry in registry.items())


def test_each_kind_of_threshold_has_a_colour():
    assert THRESHOLD_COLOURS.keys() == THRESHOLD_KINDS.keys()
