"""What stands against a fit, or against another set's model, never costs the rest of a run."""

import re

import pytest

from chronovision.core.provenance import read_provenance
from chronovision.core.results import Results
from chronovision.core.tables import read_table
from chronovision.verification.results import verify_results
from support.clips import make_clip
from support.pipeline import copy_run, files, snakemake, write_config, write_videos

VARIANTS = ("correlation.static", "correlation.dynamic")
LEAST = {"clips": {"min_video_s": 1}}


@pytest.fixture(scope="module")
def small_films(finished, videos, project, tmp_path_factory):
    """A finished run of three films, to which films of two and of three frames were added."""
    folder = copy_run(finished, tmp_path_factory.mktemp("small") / "run")
    source = "testsrc2=s=96x72:r=12"
    two = make_clip(folder / "two.mp4", source, "-frames:v", "2")
    three = make_clip(folder / "three.mp4", source, "-frames:v", "3")
    write_videos(folder, {**videos, "two": two, "three": three})
    snakemake(folder, write_config(folder, {}), project=project).succeeded()
    return folder


def assert_told(results, said, n_rows=0):
    """Predictions of so many rows; the reason, if there are none, in JSON, page and methods."""
    page = Results(results).report().read_text(encoding="utf-8")
    methods = Results(results).methods().read_text(encoding="utf-8")
    for variant in VARIANTS:
        for name in ("predictions", "scores"):
            path = results / f"duration/{variant}/{name}.tsv"
            assert bool(len(read_table(path))) == bool(n_rows)
            reason = read_provenance(path).get("why_empty", {"reason": None})["reason"]
            assert (reason and said in reason) if not n_rows else reason is None
    assert page.count(f"No duration model was fitted:</strong> {said}") == (not n_rows)
    assert (f"No duration model was fitted: {said}" in methods) == (not n_rows)
    assert ("were predicted from the counts" in methods) == bool(n_rows)


def assert_verified(results):
    lines = []
    assert verify_results(results, sample=1, seed=0, say=lines.append), "\n".join(lines)


def test_films_of_two_and_three_frames_have_all_but_a_fit(small_films):
    results = small_films / "results"
    assert_told(results, "no clip duration fits, as")
    for video in ("two", "three"):
        wanted = {f"report/{video}.html", f"figures/{video}/similarity.png"}
        wanted |= {f"segments/{variant}/{video}.tsv" for variant in VARIANTS}
        wanted |= {f"figures/{video}/timeline.{variant}.png" for variant in VARIANTS}
        assert wanted <= files(results)
    assert not len(read_table(Results(results).clips(variant="correlation.dynamic")))
    assert_verified(results)


@pytest.mark.slow
def test_short_films_are_left_out_of_the_clips_and_the_reason_goes(small_films, project, tmp_path):
    """Then again a reason for tables that stay empty: other words of it are told, too."""
    folder = copy_run(small_films, tmp_path / "run")
    results = folder / "results"
    other = write_config(folder, {"clips": {"durations_s": [5, 7], "min_video_s": 1}}, "other.yaml")
    snakemake(folder, other, project=project).succeeded()
    assert_told(results, "no clip duration fits, as")
    assert "its least is 5 s" in Results(results).report().read_text()
    done = snakemake(folder, write_config(folder, LEAST), project=project).succeeded()
    assert done.rules == {"build_clip_table", "fit_duration_model", "plot_set", "render_report"}
    assert_told(results, None, n_rows=1)
    methods = Results(results).methods().read_text()
    assert "videos shorter than clips.min_video_s, two (0.167 s), three (0.25 s)" in methods
    clips = read_table(Results(results).clips(variant="correlation.static"))
    shown = re.search(r"(\d+) clips of 0.5, 0.75, 1 and 1.25 s were cut from 3 videos", methods)
    assert int(shown[1]) == len(clips)
    assert_verified(results)


@pytest.mark.slow
def test_a_film_twice_and_a_model_that_is_none(small_films, videos, project, tmp_path):
    """Each costs its own tables only; the films in one group are fitted to."""
    folder = copy_run(small_films, tmp_path / "run")
    results = folder / "results"
    write_videos(folder, {**videos, "again": videos["cuts"]})
    (folder / "model.skops").write_text("no model")
    config = write_config(folder, {"duration": {"apply": "model.skops"}})
    snakemake(folder, config, project=project).succeeded()
    assert_told(results, "videos again and cuts are the same file in different groups")
    page = Results(results).report().read_text(encoding="utf-8")
    assert re.search("model was not used:</strong> model.skops .* is not a duration model", page)
    assert not len(read_table(Results(results).applied_predictions()))
    # The model in place of one that this set could not have is refused by its reason.
    empty = "results/duration/correlation.static/model.skops"
    (folder / "model.skops").write_bytes((folder / empty).read_bytes())
    one_group = {"again": "film", "cuts": "film", "zoom": "zoom", "streams": "streams"}
    write_videos(folder, {**videos, "again": videos["cuts"]}, group=one_group)
    snakemake(folder, config, project=project).succeeded()
    assert_told(results, None, n_rows=1)
    page = Results(results).report().read_text(encoding="utf-8")
    assert "holds no model, as none could be fitted (videos again and cuts are" in page
