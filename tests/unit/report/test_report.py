"""The report: complete in itself, escaped, and true to the tables."""

import base64
import io
import re
from html.parser import HTMLParser

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from chronovision.config.check import check_config
from chronovision.core.files import read_json, write_json
from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.duration.estimators import ESTIMATORS
from chronovision.report.methods import cited_keys, methods_paragraphs, spell_citations
from chronovision.report.references import REFERENCES, bibliography
from chronovision.report.score_tables import score_table
from chronovision.report.video_page import MAX_SEGMENTS
from chronovision.videos.thumbnails import nearest_thumbnails, shrink
from support.pages import overview, overview_of, page_of, picture
from support.paths import PROJECT
from support.results import KINDS, MadeResults

VOID = {"meta", "img", "link", "br", "hr"}

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


class Page(HTMLParser):
    """Tags, resources, links and text of a page; fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.resources, self.links, self.text = [], [], [], [], ""
        self.alts = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "src" in attrs:
            self.resources.append(attrs["src"])
        if tag == "a":
            self.links.append(attrs["href"])
        if tag == "img":
            self.alts.append(attrs.get("alt"))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def made(tmp_path) -> MadeResults:
    made = MadeResults(tmp_path, layers=["pool1", "pool5"], kinds=KINDS[:2])
    for video in ("bikes", "cars", "dog.2"):
        made.add_video(video, 60)
    return made


def test_pages_are_complete_in_one_file(made):
    for text in (page_of(made, "dog.2"), overview_of(made)):
        page = Page(text)
        assert page.resources
        assert all(source.startswith("data:image/") for source in page.resources)
        assert all(page.alts)
        assert not {"script", "link", "iframe"} & set(page.tags)
        assert "url(" not in text and "@import" not in text
        references = {reference.url for reference in REFERENCES.values()}
        assert {link for link in page.links if "://" in link} <= references


def test_overview_links_to_the_pages(made):
    assert {"bikes.html", "cars.html", "dog.2.html"} <= set(Page(overview_of(made)).links)
    assert "index.html" in Page(page_of(made, "bikes")).links


@pytest.mark.parametrize("trained", [True, False])
def test_the_banner_stands_on_untrained_results_only(tmp_path, trained):
    made = MadeResults(tmp_path, layers=["pool1"], kinds=KINDS[:1], trained=trained)
    made.add_video("v", 20)
    page, overview = page_of(made, "v"), overview_of(made, fit=False)
    assert ('class="banner"' in page) == ('class="banner"' in overview) == (not trained)
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
    assert ("UNTRAINED" in methods) == (not trained)
    assert ("no connection to download.pytorch.org" in overview) == (not trained)


def test_words_of_users_are_escaped(made):
    evil = "<script>alert(1)</script>"
    facts = made.path("videos", "bikes.json")
    write_json(facts, read_json(facts) | {"path": evil})
    made.config["videos"] = evil
    page = page_of(made, "bikes")
    overview = overview_of(
        made,
        scenes=dict.fromkeys(made.videos, evil),
        groups=dict.fromkeys(made.videos, f"{evil}&"),
    )
    for text in (page, overview):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
    assert overview.count("&lt;/script&gt;&amp;") == 3


def test_scores_shown_are_those_of_the_table(made):
    text = Page(overview_of(made)).text
    scores = read_table(made.path("duration", KINDS[0], "scores.tsv"))
    shown = scores[(scores["split"] == "test") & (scores["metric"] != "r2")]
    assert len(shown) > 20
    for value in shown["value"]:
        assert f"{value:.3f}" in text
    assert "nearly trivial" in text


def test_few_groups_are_shown_one_by_one_without_r2(made):
    made.add_set()
    scores = read_table(made.path("duration", KINDS[0], "scores.tsv"))
    table = score_table(KINDS[0], scores)
    assert not any("R²" in heading for heading in table["columns"])
    assert [row["label"] for row in table["groups"]] == ["bikes", "cars", "dog.2"] * 2
    chosen = scores[(scores["split"] == "test:cars") & (scores["estimator"] == "svr")]
    chosen = chosen[chosen["layers"] == "all"]
    rmse = chosen.set_index("metric").loc["rmse_s", "value"]
    assert table["groups"][1]["values"][0] == rmse
    many = score_table(KINDS[0], scores.assign(n_groups=10))
    assert many["columns"][0].startswith("R²")
    assert many["groups"] == []


def test_slopes_stand_beside_those_of_controls(made):
    made.add_set()
    scores = read_table(made.path("duration", KINDS[0], "scores.tsv"))
    sentences = score_table(KINDS[0], scores)["slopes"]
    assert len(sentences) == 2
    assert re.match(
        r"SVR: slope 0\.\d{3} with all layers; controls: mean duration 0\.", sentences[0]
    )


WHY = {"reason": "two <groups> only", "remedy": "add videos"}


def set_figures(made):
    names = [
        f"{what}.{kind}"
        for what in ("counts_vs_duration", "predicted_vs_real")
        for kind in made.kinds
    ]
    return [picture(made.path("figures", "set", f"{name}.png")) for name in names]


def captions(text):
    return re.findall(r"<figcaption><strong>(.+?)\.</strong>", text)


@pytest.mark.parametrize("missing", [1, 2])
def test_without_a_model_the_report_says_why(made, missing):
    """On the page and in the methods, which claim no model; and no figure shows nothing."""
    made.add_set()
    for kind in made.kinds[:missing]:
        made.empty("duration", kind, "scores.tsv", **WHY)
    text = overview(made, figures=set_figures(made))
    told = Page(text).text
    which = "" if missing == 2 else " (1 − Pearson r, static threshold)"
    said = f"No duration model was fitted{which}: two <groups> only. Everything else is computed."
    assert told.count(said) == 1 and "To have it: Add videos." in told
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
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
    for kind in made.kinds[:missing]:
        path = made.path("clips", f"{kind}.tsv")
        design = read_provenance(path)["design"]
        made.table(path, read_table(path), design=design, why_no_pixel_count=WHY)
    told = Page(overview(made)).text
    which = "" if missing == 2 else " (1 − Pearson r, static threshold)"
    said = f"The control of pixel changes was not counted{which}: two <groups> only. Everything"
    assert told.count(said) == bool(missing) and "No duration model was" not in told
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
    said = f"Changes of the pixels were not counted as a control{which}: two <groups> only."
    assert (said in methods) == bool(missing)
    assert ("counts of pixel changes" in methods) == (missing < 2)
    assert "from the counts of all layers by" in methods


def test_without_clips_the_report_says_why(made):
    made.add_set()
    for kind in made.kinds:
        made.empty("clips", f"{kind}.tsv", **WHY)
        made.empty("duration", kind, "scores.tsv", **WHY)
    text = overview(made, figures=set_figures(made))
    told = Page(text).text
    assert told.count("two <groups> only. Everything") == 1
    assert "None, for the reason above." in told
    alone = Page(overview(made, fit=False)).text
    assert "No clips were counted: two <groups> only. Add videos." in alone
    assert captions(text) == []
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
    assert "No clips were cut." in methods and "coverage" not in methods


def test_a_report_without_estimators_says_so(made):
    assert "duration.estimators is empty" in overview_of(made, fit=False)
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
    assert "No duration model" not in methods and "clips of 1, 2" in methods


def test_clips_are_shown_as_they_were_cut(made):
    made.add_set()
    path = made.path("clips", f"{made.kinds[0]}.tsv")
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
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
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
    path = made.path("duration", KINDS[0], "scores.tsv")
    scores = read_table(path)
    scores["split"] = scores["split"].str.replace("test", "applied")
    applied = made.path("duration", "applied", "scores.tsv")
    made.table(applied, scores[scores["control"].isin(["none", "frame_count"])])
    if not used:
        made.empty("duration", "applied", "scores.tsv", **WHY)
    made.config["duration"]["apply"] = "other/model.skops"
    text = Page(overview(made, fit=False, applied=[applied])).text
    assert "Model of another set" in text
    assert ("predicted by other/model.skops" in text) == used
    assert ("not used: two <groups> only. To have it used: Add videos." in text) == (not used)


def test_config_and_commit_are_in_the_overview(made):
    text = Page(overview_of(made)).text
    shown = text[text.index("All settings (YAML)") + len("All settings (YAML)") :]
    assert yaml.safe_load(shown[: shown.index("Versions and weights")]) == made.config
    assert "0123456789abcdef, clean" in text


def test_long_tables_of_segments_are_cut_and_say_so(made):
    rows = [[i, i, 1, i / 25, 0.04, 0.1, 2] for i in range(MAX_SEGMENTS + 7)]
    names = ["segment", "start_frame", "n_frames", "start_s", "duration_s", "change", "n_layers"]
    made.table(
        made.path("segments", KINDS[0], "bikes.tsv"), pd.DataFrame(rows, columns=names), "bikes"
    )
    text = page_of(made, "bikes")
    assert f"the first {MAX_SEGMENTS} of {MAX_SEGMENTS + 7}" in text
    assert len(text) < 5_000_000


@pytest.mark.parametrize(
    ("thumbnails_s", "segments_s", "expected"),
    [
        # The thumbnail in the middle of each segment.
        ([0.0, 0.25, 0.5, 0.75, 1.0, 1.25], [(0.0, 0.75), (0.75, 0.6)], [1, 4]),
        # 0.1 is farther from the middle than 0.3, by a rounding error.
        ([0.0, 0.1, 0.3], [(0.0, 0.1), (0.1, 0.2), (0.3, 0.1)], [0, 1, 2]),
        # A variable rate: the median interval of 0.4 s takes the first past the second's start.
        ([0.0, 0.15, 0.5], [(0.0, 0.4), (0.1, 0.8)], [0, 2]),
        # None inside the second and the third segment: the nearest.
        ([0.0, 0.25, 0.5], [(0.0, 0.3), (0.3, 0.04), (0.4, 0.08), (0.5, 0.2)], [1, 1, 2, 2]),
    ],
)
def test_thumbnails_are_of_their_segments(tmp_path, thumbnails_s, segments_s, expected):
    made = MadeResults(tmp_path, layers=["pool1"], kinds=KINDS[:1])
    made.add_video("v", 40)
    path = made.path("pixels", "v.thumbnails.h5")
    with h5py.File(path, "r+") as file:
        pictures = [bytes(jpeg) for jpeg in file["jpeg"][: len(thumbnails_s)]]
        del file["time_s"]
        file["time_s"] = thumbnails_s
    segments = pd.DataFrame(segments_s, columns=["start_s", "duration_s"])
    segments.insert(0, "segment", np.arange(len(segments)))
    segments = segments.assign(start_frame=0, n_frames=1, change=0.1, n_layers=1)
    made.table(made.path("segments", KINDS[0], "v.tsv"), segments, "v")
    shown = re.findall(r"data:image/jpeg;base64,([^\"]+)", page_of(made, "v"))
    assert len({shrink(picture, 80) for picture in pictures}) == len(pictures)
    small = [base64.b64encode(shrink(picture, 80)).decode() for picture in pictures]
    assert [small.index(uri) for uri in shown] == expected


def test_figures_of_a_page_have_the_pixels_of_their_files(made):
    text = page_of(made, "bikes")
    shown = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).tobytes()
        for data in re.findall(r"data:image/webp;base64,([^\"]+)", text)
    ]
    files = made.path("figures", "bikes").glob("*.png")
    assert sorted(shown) == sorted(np.asarray(Image.open(path)).tobytes() for path in files)


def test_figures_too_high_for_webp_stay_as_they_are(made, monkeypatch):
    monkeypatch.setattr("chronovision.report.page.MAX_WEBP", 1)
    shown = re.findall(r"data:image/png;base64,([^\"]+)", page_of(made, "bikes"))
    files = made.path("figures", "bikes").glob("*.png")
    assert sorted(map(base64.b64decode, shown)) == sorted(path.read_bytes() for path in files)


def test_a_thumbnail_at_the_end_of_a_span_belongs_to_the_next(made):
    path = made.path("pixels", "bikes.thumbnails.h5")
    with h5py.File(path, "r") as file:
        time, pictures = file["time_s"][:], [bytes(jpeg) for jpeg in file["jpeg"]]
    starts = time[:-1] - 1e-9
    assert nearest_thumbnails(path, starts, time[1:]) == pictures[:-1]


def test_reports_repeat_byte_for_byte(made):
    assert page_of(made, "bikes") == page_of(made, "bikes")
    assert overview_of(made) == overview_of(made)


def test_every_citation_has_its_entry(made):
    overview_of(made)
    methods = made.path("report", "methods.md").read_text(encoding="utf-8")
    bib = made.path("report", "references.bib").read_text(encoding="utf-8")
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
