"""What runs again and what does not. The tables are in reruns.py."""

import re
import shutil

import pytest
import torch
from torchvision.models import alexnet

from chronovision.config.schema import config_schema, keys_of
from support.clips import make_clip
from support.edits import ARITHMETIC, NO_NUMBER, edit
from support.pipeline import copy_run, plan, snakemake, write_config, write_videos
from support.reruns import AFTER, CLIPS, REPORT, RERUNS, TABLE_RERUNS


def test_every_key_is_in_the_table():
    assert sorted(RERUNS) == sorted(dict(keys_of(config_schema())))


@pytest.fixture(scope="module")
def unchanged(finished, tmp_path_factory):
    """A copy of the finished run in which dry runs with other configs take place."""
    folder = tmp_path_factory.mktemp("caching") / "run"
    shutil.copytree(finished, folder)
    shutil.copy(folder / "videos.tsv", folder / "same_videos.tsv")
    shutil.copy(folder / "results/duration/correlation.static/model.skops", folder)
    return folder


def test_a_second_run_has_nothing_to_do(unchanged, project):
    done = snakemake(unchanged, unchanged / "config.yaml", project=project).succeeded()
    assert "Nothing to be done" in done.text


def of_sections(keys):
    """The keys as parameters; all but the first of each section of the config are slow."""
    sections = set()
    for key in keys:
        section = key.rpartition(".")[0] or key
        yield pytest.param(key, marks=pytest.mark.slow if section in sections else ())
        sections.add(section)


@pytest.mark.parametrize("key", of_sections(RERUNS))
def test_a_changed_key_reruns(key, unchanged, project):
    overlay, expected = RERUNS[key]
    config = write_config(unchanged, overlay, "changed.yaml")
    assert plan(unchanged, config, project=project).succeeded().rules == expected


@pytest.mark.parametrize("column", TABLE_RERUNS)
def test_a_changed_cell_reruns(column, unchanged, project, videos):
    cell, expected = TABLE_RERUNS[column]
    write_videos(unchanged, videos, "cell.tsv", **{column: {"cuts": cell}})
    config = write_config(unchanged, {"videos": "cell.tsv"}, "changed.yaml")
    planned = plan(unchanged, config, project=project).succeeded()
    assert planned.rules == expected
    if column in ("start_s", "end_s", "stream"):
        others = [line for line in planned.messages if line.startswith(("streams:", "zoom:"))]
        assert others == []


def test_what_was_made_stays_when_something_is_added(unchanged, project):
    overlay, _ = RERUNS["changes.metrics"]
    config = write_config(unchanged, overlay, "changed.yaml")
    planned = plan(unchanged, config, project=project).succeeded()
    made_anew = [line for line in planned.messages if re.search("measuring|in clips|fitting", line)]
    assert made_anew and all("cosine" in line for line in made_anew)


DYNAMIC_KEYS = [key for key in RERUNS if key.startswith("thresholds.dynamic.")]


@pytest.mark.parametrize("key", of_sections([*DYNAMIC_KEYS, "clips.repeats"]))
def test_the_static_threshold_reads_nothing_of_the_dynamic_one(key, unchanged, project):
    config = write_config(unchanged, RERUNS[key][0], "changed.yaml")
    planned = plan(unchanged, config, project=project).succeeded()
    made_anew = [line for line in planned.messages if re.search("counting|segmenting", line)]
    assert len(made_anew) == (1 if key == "clips.repeats" else 7)
    assert all("dynamic" in line for line in made_anew)


def test_another_video_runs_alone(unchanged, project, videos):
    more = make_clip(unchanged / "more.mp4", "testsrc2=s=64x64:r=12:d=3")
    write_videos(unchanged, {**videos, "more": more}, "added.tsv")
    config = write_config(unchanged, {"videos": "added.tsv"}, "changed.yaml")
    planned = plan(unchanged, config, project=project).succeeded()
    of_videos = {line.split(":")[0] for line in planned.messages if re.match(r"\w+: ", line)}
    assert of_videos == {"more"}
    set_wide = {"summarise_counts", "build_clip_table", "fit_duration_model", "plot_set"} | REPORT
    assert planned.rules == set_wide | {
        "probe_video", "dump_frames", "describe_frames", "extract_features", "measure_changes",
        "accumulate_changes", "segment_video", "check_quality", "plot_video", "render_page",
    }  # fmt: skip


def test_one_video_less_reruns_only_the_set(unchanged, project, videos):
    write_videos(unchanged, {key: videos[key] for key in ("cuts", "zoom")}, "less.tsv")
    config = write_config(unchanged, {"videos": "less.tsv"}, "changed.yaml")
    rules = plan(unchanged, config, project=project).succeeded().rules
    assert rules == {"summarise_counts"} | CLIPS


def test_a_deleted_page_is_made_again(rerun, project):
    (rerun / "results/report/index.html").unlink()
    assert plan(rerun, rerun / "config.yaml", project=project).succeeded().rules == REPORT


def test_a_deleted_table_is_made_again_when_named(rerun, project):
    table = "results/clips/correlation.static.tsv"
    (rerun / table).unlink()
    planned = plan(rerun, rerun / "config.yaml", table, project=project).succeeded()
    assert planned.jobs == {"build_clip_table": 1}


@pytest.mark.slow
def test_a_file_of_weights_counts_by_its_contents(unchanged, project):
    """Neither its name, nor its time, nor the order of the layers makes other weights."""
    words, layers = ("--until", "fetch_weights"), ["pool1", "pool5"]
    torch.manual_seed(0)
    state = {f"features.{k}": v for k, v in alexnet().features.state_dict().items()}
    torch.save(state, unchanged / "w.pth")

    def config(name, layers):
        network = {"weights": name, "layers": layers}
        return write_config(unchanged, {"network": network}, "weights.yaml")

    snakemake(unchanged, config("w.pth", layers), *words, project=project).succeeded()
    (unchanged / "w.pth").rename(unchanged / "v.pth").touch()
    again = plan(unchanged, config("v.pth", layers[::-1]), *words, project=project).succeeded()
    assert not again.jobs
    state["features.0.bias"][0] += 1
    torch.save(state, unchanged / "v.pth")
    again = plan(unchanged, config("v.pth", layers), *words, project=project).succeeded()
    assert again.rules == {"fetch_weights"}


# Code


@pytest.fixture
def edited(project, tmp_path):
    """A copy of the project that made the results, to be edited."""
    return copy_run(project, tmp_path / "project")


def test_touching_code_and_another_place_rerun_nothing(unchanged, edited):
    for path in edited.rglob("*"):
        path.touch()
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert planned.jobs == {} and "Nothing to be done" in planned.text


def test_docstrings_and_comments_rerun_nothing(unchanged, edited):
    for path in edited.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""') or not text
        path.write_text(text.replace('"""', '"""Edited. ', 1) + "# Edited.\n", encoding="utf-8")
    for path in [edited / "Snakefile", *edited.rglob("*.smk"), *edited.rglob("*.yaml")]:
        path.write_text(path.read_text(encoding="utf-8") + "# Edited.\n", encoding="utf-8")
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert planned.jobs == {}


@pytest.mark.parametrize("module", ["features/moments", "salience/decay", "report/methods"])
def test_a_line_of_arithmetic_reruns_the_rules_that_run_it(module, unchanged, edited):
    """And what follows from them. Of all rooms: tests/unit/jobs/test_code_digest.py."""
    old, new, users = ARITHMETIC[module]
    edit(edited / f"scripts/chronovision/{module}.py", old, new)
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert planned.rules == set().union(*(AFTER[rule] for rule in users & AFTER.keys()))


def test_words_locks_requests_and_the_version_rerun_nothing(unchanged, edited):
    for module, (old, new) in NO_NUMBER.items():
        edit(edited / f"scripts/chronovision/{module}.py", old, new)
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert planned.jobs == {}


def test_a_message_about_tables_reruns_no_extraction(unchanged, edited):
    module = edited / "scripts/chronovision/core/tables.py"
    edit(module, "columns without description", "undescribed columns")
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert "measure_changes" in planned.rules
    assert planned.rules.isdisjoint({"probe_video", "dump_frames", "extract_features"})


def test_a_fetch_that_fails_costs_neither_weights_nor_features(rerun, project, edited):
    module = edited / "scripts/chronovision/features/weights.py"
    begin = '    spec, asked = asked_network(network), network["weights"]\n'
    assert begin in (text := module.read_text())
    module.write_text(text.replace(begin, "    raise UserError('no connection')\n"))
    weights = {path: path.read_bytes() for path in (rerun / "results/weights").iterdir()}
    config = rerun / "config.yaml"
    # Before the package that is installed, which is not the edited one.
    first = {"PYTHONPATH": str(edited / "scripts")}
    forced = ("--forcerun", "fetch_weights")
    done = snakemake(rerun, config, *forced, project=edited, environment=first)
    assert done.code != 0 and "error: no connection" in done.err
    assert len(weights) == 2
    assert weights == {path: path.read_bytes() for path in (rerun / "results/weights").iterdir()}
    assert plan(rerun, config, project=project).succeeded().jobs == {}


@pytest.mark.slow
def test_the_same_weights_once_more_make_no_features_anew(rerun, project):
    """Their new times do not count, although the file is too large to be compared by content."""
    config = rerun / "config.yaml"
    done = snakemake(
        rerun, config, "-R", "fetch_weights", "--until", "fetch_weights", project=project
    ).succeeded()
    assert done.rules == {"fetch_weights"}
    assert plan(rerun, config, project=project).succeeded().jobs == {}


def test_an_edited_script_reruns_its_rule(unchanged, edited):
    path = edited / "scripts/plot_set.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    planned = plan(unchanged, unchanged / "config.yaml", project=edited).succeeded()
    assert planned.rules == AFTER["plot_set"]
