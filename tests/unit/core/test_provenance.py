"""Provenance records."""

import shutil
import subprocess

import pytest

from chronovision.core import provenance
from chronovision.core.provenance import (
    add_step,
    all_software,
    combine_software,
    join_variants,
    merge,
)
from chronovision.errors import UserError
from support.paths import SCRIPTS
from support.tiers import moderate_after


def record(video, frames=None, software=None, **network):
    about = {"model": "vgg19", "weights_sha256": "a", "layers": ["pool1"], "precision": "float32"}
    used = {"device": "cpu", "engine": "OpenVINO"}
    frames = {"size": 224, "geometry": "crop", "start_s": None, "end_s": None, **(frames or {})}
    return {
        "software": {"python": "3.11", "ffmpeg": "8.0", **(software or {})},
        "videos": {video: {"sha256": video}},
        "network": {**about, **used, **network},
        "steps": {"probe_video": {"stream": None}, "dump_frames": frames, "measure_changes": {}},
    }


def test_a_set_says_what_is_true_of_all_and_each_video_the_rest():
    """Whatever the order: the record of a set is not that of its first video."""
    first = record("b", {"start_s": 1.5}, {"ffmpeg": "5.1"}, device="cuda", engine="PyTorch")
    records = {"b": first, "a": record("a"), "c": record("c")}
    merged = merge(records)
    assert merged == merge(dict(reversed(records.items())))
    assert merged["software"] == {"python": "3.11"}
    assert merged["network"] == {
        "model": "vgg19", "weights_sha256": "a", "layers": ["pool1"], "precision": "float32",
    }  # fmt: skip
    assert merged["steps"] == {
        "probe_video": {},
        "dump_frames": {"size": 224, "geometry": "crop"},
        "measure_changes": {},
    }
    assert list(merged["videos"]) == ["a", "b", "c"]
    assert merged["videos"]["b"] == {
        "sha256": "b",
        "software": {"ffmpeg": "5.1"},
        "network": {"device": "cuda", "engine": "PyTorch"},
        "steps": {
            "probe_video": {"stream": None},
            "dump_frames": {"start_s": 1.5, "end_s": None},
        },
    }
    assert merged["videos"]["a"]["software"] == {"ffmpeg": "8.0"}


def test_a_set_of_one_video_names_its_own_facts_under_it():
    merged = merge({"a": record("a")})
    assert merged["videos"]["a"]["network"] == {"device": "cpu", "engine": "OpenVINO"}
    assert "device" not in merged["network"] and merged["software"]["ffmpeg"] == "8.0"


@pytest.mark.parametrize(
    ("key", "value"),
    [("precision", "bfloat16"), ("weights_sha256", "b"), ("layers", ["pool2"]), ("model", "x")],
)
def test_merge_refuses_what_cannot_be_compared(key, value):
    with pytest.raises(UserError, match=f"videos a and b have features of different {key}"):
        merge({"a": record("a"), "b": record("b", **{key: value})})


@pytest.mark.parametrize(("key", "value"), [("size", 96), ("geometry", "pad"), ("step_s", 0.2)])
def test_merge_refuses_other_frames(key, value):
    with pytest.raises(UserError, match=f"videos a and b have features of different {key}"):
        merge({"a": record("a"), "b": record("b", {key: value})})


def test_no_commit_is_lost_when_stages_and_videos_are_of_several():
    """A set made by clean code of videos made by other, edited code."""
    old = {"commit": "a" * 40, "dirty": True, "numpy": "2.3"}
    new = {"commit": "b" * 40, "dirty": False, "numpy": "2.4"}
    assert combine_software(old, new) == {
        "commit": f"{'a' * 40}, {'b' * 40}", "dirty": True, "numpy": "2.3, 2.4",
    }  # fmt: skip
    assert combine_software(new, new) == new
    assert combine_software({"commit": None, "dirty": None}, new)["commit"] == "b" * 40
    record_a, record_b = record("a", software=old), record("b", software=new)
    several = add_step(merge({"a": record_a, "b": record_b}), "set", {})
    one = add_step(merge({"a": record_a, "b": record("b", software=old)}), "set", {})
    for made in (several, one):
        told = all_software(made)
        assert told["dirty"] is True and "a" * 40 in told["commit"]
    assert "a" * 40 in one["software"]["commit"]


def test_what_variants_of_one_video_were_told_differently_stands_for_each():
    variants = {kind: add_step(record("a"), "accumulate_changes", {"kind": kind}) for kind in "xy"}
    joined = join_variants(variants)
    assert joined["steps"]["accumulate_changes"] == {"x": {"kind": "x"}, "y": {"kind": "y"}}
    assert joined["steps"]["dump_frames"] == record("a")["steps"]["dump_frames"]


def git(folder, *words):
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("edited", "dirty"),
    moderate_after(2, [
        (None, False), ("Snakefile", True), ("workflow/rules/salience.smk", True),
        ("workflow/schemas/config.schema.yaml", True), ("config/config.yaml", True),
        ("scripts/chronovision/core/files.py", True), ("scripts/plot_set.py", True),
        ("README.md", False), ("config/videos.tsv", False),
    ]),
)  # fmt: skip
def test_dirty_is_whatever_decides_results(edited, dirty, tmp_path, monkeypatch):
    for name in ("scripts", "workflow", "config", "Snakefile", "README.md"):
        source = SCRIPTS.parent / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "all")
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    if edited:
        (tmp_path / edited).write_text((tmp_path / edited).read_text() + "\n# edited\n")
    state = provenance._git_state()
    assert state["dirty"] is dirty and len(state["commit"]) == 40


def test_steps_and_software_add_up():
    first = add_step({}, "one", {"x": 1}, ["numpy"])
    second = add_step(first, "two", {}, ["h5py"])
    assert second["steps"] == {"one": {"x": 1}, "two": {}}
    assert {"chronovision", "commit", "dirty", "python", "numpy", "h5py"} <= set(second["software"])
    assert "h5py" not in first["software"]
