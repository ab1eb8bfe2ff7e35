"""The methods text and its references."""

import pytest
import yaml

from chronovision.config.check import check_config
from chronovision.duration.estimators import ESTIMATORS
from chronovision.report.methods import cited_keys, methods_paragraphs, spell_citations
from chronovision.report.references import REFERENCES, bibliography
from support.pages import overview_of
from support.paths import PROJECT

#: Of clips, as a clip table's provenance has it.
DESIGN = {
    "n_videos": 12,
    "n_clips": 24,
    "durations": [
        {"duration_s": 1.5, "n_clips": 24, "least_coverage": 2.0, "most_coverage": 2.0},
    ],
    "shortest": {"video": "a", "duration_s": 3.0},
    "short_videos": {},
    "too_long_s": [],
    "same_length_s": [],
}


def test_every_citation_has_its_entry(made):
    overview_of(made)
    methods = made.results.methods().read_text(encoding="utf-8")
    bib = made.results.references().read_text(encoding="utf-8")
    assert "[@" not in methods and "{" not in methods
    assert bib.count("@") == methods.count("\n- ") >= 6
    assert bib.count("{") == bib.count("}")
    assert "10.1038/s41467-018-08194-7" in methods and "10.1038/s41467-018-08194-7" in bib
    assert bibliography(REFERENCES).count("\n}\n") == len(REFERENCES)


@pytest.mark.parametrize("preset", ["notebook", "roseboom2019", "demo"])
def test_methods_can_be_written_for_every_preset(made, preset):
    overlay = PROJECT / "config" / f"{preset}.yaml"
    if not overlay.exists():
        pytest.skip(f"{overlay.name} is not there")
    for key, value in yaml.safe_load(overlay.read_text(encoding="utf-8")).items():
        made.config[key] = {**made.config[key], **value} if isinstance(value, dict) else value
    thresholds = made.config["thresholds"]
    defaults = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
    thresholds["dynamic"] = {**defaults["thresholds"]["dynamic"], **thresholds["dynamic"]}
    check_config(made.config)
    provenance = made.provenance("a") | {"videos": {"a": {}, "b": {}}}
    paragraphs = methods_paragraphs(made.config, provenance, 12, design=DESIGN, fitted=["all"])
    assert (preset == "demo") == ("n frames last nearest to 1/6 s" in " ".join(paragraphs))
    assert all(key in REFERENCES for key in cited_keys(paragraphs))
    assert "None" not in " ".join(paragraphs)


def test_methods_tell_the_values_used(made):
    made.config["frames"] |= {"fps": 12.5, "geometry": "pad"}
    made.config["thresholds"]["dynamic"] |= {
        "tmax": {"pool1": 340, "pool5": 400},
        "tmin": 100,
        "tau_frames": 100,
        "noise_divisor": None,
        "bounded": True,
    }
    made.config["thresholds"] |= {"range": "percentile", "scope": "set"}
    made.config["clips"] |= {"mode": "partition", "snapshots": 2, "repeats": 3}
    provenance = made.provenance("a")
    told = methods_paragraphs(made.config, provenance, 12, design=DESIGN, fitted=["all"])
    text = spell_citations(" ".join(told))
    told = (
        "12.5 per second",
        "padded",
        "340 (pool1) and 400 (pool5)",
        "Tmin = 100",
        "τ = 100 frames",
        "within [Tmin, Tmax]",
        "percentiles 1 and 99",
        "without overlap",
        "12 groups in 5 folds",
        "3 times with other noise",
    )
    assert [words for words in told if words not in text] == []
    assert "ξ" not in text


def test_parameters_in_the_methods_are_those_of_the_estimators():
    svr = ESTIMATORS["svr"].make().regressor[-1]
    assert f"C = {svr.C:g}, ε = {svr.epsilon:g}" in ESTIMATORS["svr"].sentence
    published = ESTIMATORS["svr_published"].make()
    assert (published.C, published.gamma) == (1000, 1e-4)
    alphas = ESTIMATORS["ridge"].make()[-1].alphas
    assert (len(alphas), alphas[0], alphas[-1]) == (13, 1e-3, 1e3)
