"""What a finished run says of how it was made, and that sets of different makings are refused."""

import hashlib
import json
import zipfile

import h5py
import pytest
from PIL import Image

from chronovision.core.files import read_json
from chronovision.core.provenance import read_provenance
from support.pipeline import (
    assert_nothing_made,
    assert_one_line,
    snakemake,
    weights_in,
    write_config,
)
from support.tiers import slow_after


@pytest.fixture(scope="module")
def record(finished):
    return read_json(finished / "results/provenance.json")


def test_the_record_of_the_set_names_all_that_made_it(record, finished, videos):
    assert record["config"]["network"]["model"] == "alexnet" and record["config"]["seed"] == 0
    assert record["network"]["precision"] == "float32" and record["network"]["trained"] is False
    weights = read_json(finished / f"results/weights/{weights_in(finished / 'results')}.json")
    assert record["network"]["weights_name"] == weights_in(finished / "results")
    assert weights["seed"] == 0
    assert record["network"]["weights_sha256"] == record["weights"]["sha256"] == weights["sha256"]
    for package in ("chronovision", "python", "ffmpeg", "torch", "openvino", "numpy", "pandas"):
        assert record["software"][package]
    assert {"commit", "dirty"} <= set(record["software"])
    assert set(record["videos"]) == set(videos)
    for video, about in record["videos"].items():
        assert about["sha256"] == hashlib.sha256(videos[video].read_bytes()).hexdigest()
        assert (about["device"], about["engine"]) == ("cpu", "OpenVINO")


def test_every_table_and_file_of_features_says_the_same(record, finished):
    results = finished / "results"
    tables = [path for path in results.glob("**/*.tsv") if "benchmarks" not in path.parts]
    paths = [*tables, *results.glob("features/*.h5")]
    assert len(paths) > 30
    for path in paths:
        found = read_provenance(path)
        assert set(found["videos"]) <= set(record["videos"]), path
        for video, about in found["videos"].items():
            assert about["sha256"] == record["videos"][video]["sha256"], path
        assert found["software"]["chronovision"] == record["software"]["chronovision"], path
        if "pixels" not in path.parts:
            assert found["network"]["weights_sha256"] == record["network"]["weights_sha256"], path


def test_every_figure_says_the_same(record, finished):
    paths = list((finished / "results/figures").glob("*/*.png"))
    assert len(paths) > 20
    for path in paths:
        with Image.open(path) as picture:
            found = json.loads(picture.info["Provenance"])
        assert found["network"]["weights_sha256"] == record["network"]["weights_sha256"], path
        for video, about in found["videos"].items():
            assert about["sha256"] == record["videos"][video]["sha256"], path
        assert {"commit", "dirty", "matplotlib"} <= set(found["software"]), path


def test_snakemakes_own_report_holds_it(finished, project, tmp_path):
    """As a ZIP: a single page would load parts from the internet."""
    config = finished / "config.yaml"
    made = tmp_path / "report.zip"
    snakemake(finished, config, "--report", str(made), project=project).succeeded()
    with zipfile.ZipFile(made) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    expected = (finished / "results/provenance.json").read_bytes()
    assert expected in contents


@pytest.mark.parametrize(
    ("key", "value"),
    slow_after(1, [("weights_sha256", "0" * 64), ("precision", "bfloat16"), ("layers", ["pool1"])]),
)
def test_sets_of_different_makings_are_refused(key, value, rerun, project):
    """As if one video's features came from another run, by a copy that kept its name."""
    path = rerun / "results/features/cuts.h5"
    with h5py.File(path, "a") as file:
        about = json.loads(file.attrs["provenance"])
        about["network"][key] = value
        file.attrs["provenance"] = json.dumps(about)
    target = "results/clips/correlation.static.tsv"
    run = snakemake(rerun, write_config(rerun, {}), target, project=project)
    log = rerun / "results/logs/build_clip_table/correlation.static.log"
    assert_one_line(run, log, f"videos cuts and streams have features of different {key}")
    assert_nothing_made(rerun, target)
