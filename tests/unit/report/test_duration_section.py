"""What the report says of durations, and why it says nothing."""

import re

import pytest

from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.report.score_tables import applied_table, score_table
from support.page_text import Page
from support.pages import overview, overview_of, picture
from support.results import VARIANTS


def test_scores_shown_are_those_of_the_table(made):
    text = Page(overview_of(made)).text
    scores = read_table(made.results.scores(variant=VARIANTS[0]))
    shown = scores[(scores["split"] == "test") & (scores["metric"] != "r2")]
    assert len(shown) > 20
    for value in shown["value"]:
        assert f"{value:.3f}" in text
    assert "nearly trivial" in text


def test_few_groups_are_shown_one_by_one_without_r2(made):
    made.add_set()
    scores = read_table(made.results.scores(variant=VARIANTS[0]))
    table = score_table(VARIANTS[0], scores)
    assert not any("R²" in heading for heading in table["columns"])
    assert [row["label"] for row in table["groups"]] == ["bikes", "cars", "dog.2"] * 2
    chosen = scores[(scores["split"] == "test:cars") & (scores["estimator"] == "svr")]
    chosen = chosen[chosen["layers"] == "all"]
    rmse = chosen.set_index("metric").loc["rmse_s", "value"]
    assert table["groups"][1]["values"][0] == rmse
    many = score_table(VARIANTS[0], scores.assign(n_groups=10))
    assert many["columns"][0].startswith("R²")
    assert many["groups"] == []


def test_slopes_stand_beside_those_of_controls(made):
    made.add_set()
    scores = read_table(made.results.scores(variant=VARIANTS[0]))
    sentences = score_table(VARIANTS[0], scores)["slopes"]
    assert len(sentences) == 2
    assert re.match(
        r"SVR: slope 0\.\d{3} with all layers; controls: mean duration 0\.", sentences[0]
    )


def test_an_estimator_of_another_name_is_shown_by_it(made):
    """A model that `duration.apply` names is a user's file."""
    made.add_set()
    scores = read_table(made.results.scores(variant=VARIANTS[0]))
    scores["estimator"] = scores["estimator"].replace("ridge", "lasso")
    scores["split"] = scores["split"].str.replace("test", "applied")
    table = applied_table(scores)
    assert {row["estimator"] for row in table["rows"]} == {"SVR", "lasso"}
    assert [sentence.split(":")[0] for sentence in table["slopes"]] == ["SVR", "lasso"]


WHY = {"reason": "two <groups> only", "remedy": "add videos"}


def set_figures(made):
    names = [
        f"{what}.{variant}"
        for what in ("counts_vs_duration", "predicted_vs_real")
        for variant in made.variants
    ]
    return [picture(made.path("figures", "set", f"{name}.png")) for name in names]


def captions(text):
    return re.findall(r"<figcaption><strong>(.+?)\.</strong>", text)


@pytest.mark.parametrize("missing", [1, 2])
def test_without_a_model_the_report_says_why(made, missing):
    """On the page and in the methods, which claim no model; and no figure shows nothing."""
    made.add_set()
    for variant in made.variants[:missing]:
        made.empty(made.results.scores(variant=variant), **WHY)
    text = overview(made, figures=set_figures(made))
    told = Page(text).text
    which = "" if missing == 2 else " (1 − Pearson r, static threshold)"
    said = f"No duration model was fitted{which}: two <groups> only. Everything else is computed."
    assert told.count(said) == 1 and "To have it: Add videos." in told
    methods = made.results.methods().read_text(encoding="utf-8")
    assert f"No duration model was fitted{which}: two <groups> only." in methods
    assert ("were predicted from the counts" in methods) == (missing == 1)
    of_the_other = "from the counts of all layers (1 − Pearson r, dynamic threshold) by"
    assert (of_the_other in methods) == (missing == 1)
    assert ("nearly trivial" in told) == ("Out-of-fold" in told) == (missing == 1)
    shown = captions(text)
    assert sum(one.startswith("Counts and durations") for one in shown) == 2
    assert sum(one.startswith("Predicted and true") for one in shown) == 2 - missing


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_without_the_control_of_pixels_the_report_says_why(made, missing):
    made.add_set()
    for variant in made.variants[:missing]:
        path = made.results.clips(variant=variant)
        design = read_provenance(path)["design"]
        made.table(path, read_table(path), design=design, why_no_pixel_count=WHY)
    told = Page(overview(made)).text
    which = "" if missing == 2 else " (1 − Pearson r, static threshold)"
    said = f"The control of pixel changes was not counted{which}: two <groups> only. Everything"
    assert told.count(said) == bool(missing) and "No duration model was" not in told
    methods = made.results.methods().read_text(encoding="utf-8")
    said = f"Changes of the pixels were not counted as a control{which}: two <groups> only."
    assert (said in methods) == bool(missing)
    assert ("counts of pixel changes" in methods) == (missing < 2)
    assert "from the counts of all layers by" in methods


def test_without_clips_the_report_says_why(made):
    made.add_set()
    for variant in made.variants:
        made.empty(made.results.clips(variant=variant), **WHY)
        made.empty(made.results.scores(variant=variant), **WHY)
    text = overview(made, figures=set_figures(made))
    told = Page(text).text
    assert told.count("two <groups> only. Everything") == 1
    assert "None, for the reason above." in told
    alone = Page(overview(made, fit=False)).text
    assert "No clips were counted: two <groups> only. Add videos." in alone
    assert captions(text) == []
    methods = made.results.methods().read_text(encoding="utf-8")
    assert "No clips were cut." in methods and "coverage" not in methods


def test_a_report_without_estimators_says_so(made):
    assert "duration.estimators is empty" in overview_of(made, fit=False)
    methods = made.results.methods().read_text(encoding="utf-8")
    assert "No duration model" not in methods and "clips of 1, 2" in methods


def test_clips_are_shown_as_they_were_cut(made):
    made.add_set()
    path = made.results.clips(variant=made.variants[0])
    table, design = read_table(path), read_provenance(path)["design"]
    design |= {"short_videos": {"tiny": 1.25}, "same_length_s": [1.01], "n_videos": 3}
    made.table(path, table, design=design)
    text = overview(made)
    rows = re.findall(
        r'<tr><th scope="row">([\d.]+)</th><td>(\d+)</td><td>(.+?)</td><td>(.+?)<', text
    )
    assert [(float(d), int(n)) for d, n, *_ in rows] == sorted(
        table["duration_s"].value_counts().items()
    )
    for (*_, least, most), row in zip(rows, design["durations"], strict=True):
        assert float(least) == pytest.approx(row["least_coverage"], abs=0.005)
        assert float(most) == pytest.approx(row["most_coverage"], abs=0.005)
    methods = made.results.methods().read_text(encoding="utf-8")
    coverages = [row["least_coverage"] for row in design["durations"]]
    coverages += [row["most_coverage"] for row in design["durations"]]
    assert f"together last {min(coverages):.2g} to {max(coverages):.2g} times the video" in methods
    for words in (
        "180 clips of 1, 2, 3, 4, 6, 8, 12, 16, 24 and 32 s were cut from 3 videos",
        "Left out were videos shorter than clips.min_video_s, tiny (1.25 s).",
        "Left out were clips of 48, 64 s, being more than half of the shortest video (bikes, 70.5",
        "Left out were clips of 1.01 s, being no more frames than a shorter duration.",
    ):
        assert words in methods
        assert words.removeprefix("Left out were ").rstrip(".") in Page(text).text


@pytest.mark.parametrize("used", [True, False])
def test_scores_of_a_model_of_another_set(made, used):
    made.add_set()
    path = made.results.scores(variant=VARIANTS[0])
    scores = read_table(path)
    scores["split"] = scores["split"].str.replace("test", "applied")
    applied = made.results.applied_scores()
    made.table(applied, scores[scores["control"].isin(["none", "frame_count"])])
    if not used:
        made.empty(made.results.applied_scores(), **WHY)
    made.config["duration"]["apply"] = "other/model.skops"
    text = Page(overview(made, fit=False, applied=[applied])).text
    assert "Model of another set" in text
    assert ("predicted by other/model.skops" in text) == used
    assert ("not used: two <groups> only. To have it used: Add videos." in text) == (not used)
