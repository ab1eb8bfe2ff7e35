"""Pages: complete in themselves, escaped, with their figures and thumbnails."""

import base64
import io
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from chronovision.core.files import read_json, write_json
from chronovision.report.references import REFERENCES
from chronovision.report.video_page import MAX_SEGMENTS
from chronovision.videos.thumbnails import nearest_thumbnails, shrink
from support.page_text import Page
from support.pages import overview_of, page_of
from support.results import VARIANTS, MadeResults


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
    made = MadeResults(tmp_path, layers=["pool1"], variants=VARIANTS[:1], trained=trained)
    made.add_video("v", 20)
    page, overview = page_of(made, "v"), overview_of(made, fit=False)
    assert ('class="banner"' in page) == ('class="banner"' in overview) == (not trained)
    methods = made.results.methods().read_text(encoding="utf-8")
    assert ("UNTRAINED" in methods) == (not trained)
    assert ("no connection to download.pytorch.org" in overview) == (not trained)


def test_words_of_users_are_escaped(made):
    evil = "<script>alert(1)</script>"
    facts = made.results.video_facts(video="bikes")
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


def test_config_and_commit_are_in_the_overview(made):
    text = Page(overview_of(made)).text
    shown = text[text.index("All settings (YAML)") + len("All settings (YAML)") :]
    assert yaml.safe_load(shown[: shown.index("Versions and weights")]) == made.config
    assert "0123456789abcdef, clean" in text


def test_long_tables_of_segments_are_cut_and_say_so(made):
    rows = [[i, i, 1, i / 25, 0.04, 0.1, 2] for i in range(MAX_SEGMENTS + 7)]
    names = ["segment", "start_frame", "n_frames", "start_s", "duration_s", "change", "n_layers"]
    made.table(
        made.results.segments(variant=VARIANTS[0], video="bikes"),
        pd.DataFrame(rows, columns=names),
        "bikes",
    )
    text = page_of(made, "bikes")
    assert f"the first {MAX_SEGMENTS} of {MAX_SEGMENTS + 7}" in text
    assert f"all are in <code>../segments/{VARIANTS[0]}/bikes.tsv</code>" in text
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
    made = MadeResults(tmp_path, layers=["pool1"], variants=VARIANTS[:1])
    made.add_video("v", 40)
    path = made.results.thumbnails(video="v")
    with h5py.File(path, "r+") as file:
        pictures = [bytes(jpeg) for jpeg in file["jpeg"][: len(thumbnails_s)]]
        del file["time_s"]
        file["time_s"] = thumbnails_s
    segments = pd.DataFrame(segments_s, columns=["start_s", "duration_s"])
    segments.insert(0, "segment", np.arange(len(segments)))
    segments = segments.assign(start_frame=0, n_frames=1, change=0.1, n_layers=1)
    made.table(made.results.segments(variant=VARIANTS[0], video="v"), segments, "v")
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
    path = made.results.thumbnails(video="bikes")
    with h5py.File(path, "r") as file:
        time, pictures = file["time_s"][:], [bytes(jpeg) for jpeg in file["jpeg"]]
    starts = time[:-1] - 1e-9
    assert nearest_thumbnails(path, starts, time[1:]) == pictures[:-1]


def test_reports_repeat_byte_for_byte(made):
    assert page_of(made, "bikes") == page_of(made, "bikes")
    assert overview_of(made) == overview_of(made)
