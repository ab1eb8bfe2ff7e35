"""Whole runs: what is there at the end, and that it does not depend on how it was run."""

import json
import re
import shutil
from fractions import Fraction

import h5py
import numpy as np
import pandas as pd
import pytest

from chronovision.core.results import Results
from chronovision.core.tables import read_table
from support.clips import count_frames, decoded_frames
from support.pipeline import files, snakemake, weights_in, write_config, write_videos

LAYERS = ["pool1", "pool2", "pool5"]
VIDEOS = {"cuts": 0, "streams": 2, "zoom": 0}  # and the video stream that FFmpeg chooses
SERIES = [f"correlation.{kind}" for kind in ("static", "dynamic")]
COUNTS = [f"{layer}_count" for layer in LAYERS]


@pytest.fixture(scope="module")
def results(finished):
    return finished / "results"


def changes_of(results, video):
    return read_table(Results(results).changes(metric="correlation", video=video))


# What is there

COLUMNS = {
    "pixels/{video}.tsv": "frame source_frame time_s key_frame repeated brightness contrast "
    "pixel_change",
    "changes/correlation/{video}.tsv": f"frame source_frame time_s {' '.join(LAYERS)}",
    "accumulators/{series}/{video}.tsv": "frame time_s "
    + " ".join(f"{layer}_threshold {layer}_salient {layer}_count" for layer in LAYERS),
    "accumulators/summary.tsv": f"video metric threshold n_frames duration_s {' '.join(COUNTS)}",
    "segments/{series}/{video}.tsv": "segment start_frame n_frames start_s duration_s change "
    "n_layers",
    "quality/{video}.tsv": "note level value message",
    "clips/{series}.tsv": "clip video group repeat start_frame n_frames start_s duration_s "
    + " ".join(COUNTS),
    "clips/controls/{series}.tsv": "clip repeat "
    + " ".join(f"permuted_{name}" for name in COUNTS)
    + " pixel_count",
    "duration/{series}/predictions.tsv": "clip video group duration_s predicted_s fold estimator",
    "duration/{series}/scores.tsv": "estimator control layers split metric value n_groups",
}


def expand(pattern):
    """The pattern for every video and series in it."""
    for series in SERIES if "{series}" in pattern else [""]:
        for video in VIDEOS if "{video}" in pattern else [""]:
            yield pattern.format(series=series, video=video)


@pytest.mark.parametrize("pattern", COLUMNS)
def test_tables_have_the_contracts_columns_and_a_sidecar(results, pattern):
    for name in expand(pattern):
        table, about = (
            pd.read_csv(results / name, sep="\t"),
            results / name.replace(".tsv", ".json"),
        )
        described = json.loads(about.read_text())
        assert list(table) == COLUMNS[pattern].split(), name
        assert list(described["columns"]) == list(table), name
        assert all(one["description"] and one["unit"] for one in described["columns"].values())
        assert set(described["provenance"]) >= {"software", "videos", "network", "steps"} or (
            name.startswith("pixels/")
        )


def test_other_outputs(results):
    wanted = {"report/index.html", "report/methods.md", "report/references.bib"}
    assert re.fullmatch(r"alexnet\.untrained\.[0-9a-f]{12}", weights := weights_in(results))
    wanted |= {f"weights/{weights}.pth", f"weights/{weights}.json"}
    wanted |= {f"duration/{one}/model.skops" for one in SERIES}
    for video in VIDEOS:
        wanted |= {f"videos/{video}.json", f"features/{video}.h5", f"report/{video}.html"}
        wanted |= {f"pixels/{video}.thumbnails.h5"}
        figures = ["heatmaps", "similarity", "counts.correlation", "changes.correlation"]
        figures += [f"timeline.{one}" for one in SERIES]
        wanted |= {f"figures/{video}/{figure}.png" for figure in figures}
    wanted |= {f"figures/set/counts_vs_duration.{one}.png" for one in SERIES}
    wanted |= {f"figures/set/predicted_vs_real.{one}.png" for one in SERIES}
    wanted |= {"figures/set/static_vs_dynamic.png"}
    assert wanted <= files(results)
    assert all((results / name).stat().st_size > 0 for name in wanted)


def test_every_job_has_a_log_and_a_benchmark(finished, results):
    n_jobs = int(re.search(r"^total +(\d+)", (finished / "run.log").read_text(), re.M)[1]) - 1
    logs = {name.removesuffix(".log") for name in files(results / "logs")}
    benchmarks = {name.removesuffix(".tsv") for name in files(results / "benchmarks")}
    assert logs == benchmarks and len(logs) == n_jobs
    rules = {name.split("/")[0] for name in logs}
    assert {"probe_video", "extract_features", "fit_duration_model", "render_report"} <= rules
    for path in (results / "logs").rglob("*.log"):
        assert "Traceback" not in path.read_text() and "error:" not in path.read_text(), path


def test_no_litter_and_no_frames(finished, results):
    left = files(finished)
    assert not [name for name in left if name.endswith(".part")]
    assert not [name for name in left if name.startswith("results/frames/")]
    known = {"results", ".snakemake", "config.yaml", "videos.tsv", "run.log"}
    assert {name.split("/")[0] for name in left} == known


def test_the_features_file(results):
    for video in VIDEOS:
        with h5py.File(Results(results).features(video=video)) as file:
            n = len(file["time_s"])
            assert set(file["layers"]) == set(LAYERS)
            assert json.loads(file.attrs["provenance"])["network"]["trained"] is False
            for group in file["layers"].values():
                channels = group["channels"]
                assert channels.shape[0] == n and channels.dtype == np.float32
                assert group["sketch"].shape == (n, 512) and group["sketch"].dtype == np.float16
                assert group.attrs["units"] % channels.shape[1] == 0
                for name in ("mean", "std", "step_sq"):
                    assert group[name].shape == (n,) and group[name].dtype == np.float64
                assert np.isnan(group["step_sq"][0]) and not np.isnan(group["step_sq"][1:]).any()


# Numbers


def assert_frames_of(results, metric, video, path, stream=0):
    """The table of changes has the frames and times that ffprobe finds in the file."""
    info = json.loads(Results(results).video_facts(video=video).read_text())
    assert info["stream"] == stream
    assert info["frame_rate"] == pytest.approx(12, rel=0.01)
    expected = decoded_frames(path, stream)
    table = read_table(Results(results).changes(metric=metric, video=video))
    n_frames = count_frames(path, stream)
    assert info["n_frames"] == len(table) == len(expected) == n_frames
    times = [float(time - expected[0][0]) for time, _ in expected]
    np.testing.assert_allclose(table["time_s"], times, atol=1e-9)
    assert list(table["frame"]) == list(table["source_frame"]) == list(range(n_frames))
    keys = read_table(Results(results).pixels(video=video))["key_frame"]
    assert list(keys) == [key for _, key in expected]


@pytest.mark.parametrize("video", VIDEOS)
def test_frames_and_times_are_those_of_the_file(results, videos, video):
    assert_frames_of(results, "correlation", video, videos[video], VIDEOS[video])
    assert not json.loads(Results(results).video_facts(video=video).read_text())["vfr"]
    notes = set(read_table(Results(results).quality(video=video))["note"])
    assert "variable_frame_rate" not in notes and "decoder_damage" not in notes


@pytest.mark.parametrize("video", VIDEOS)
def test_changes(results, video):
    values = changes_of(results, video)[LAYERS].to_numpy()
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1:]).all() and (values[1:] >= 0).all() and (values[1:] <= 2).all()
    text = Results(results).changes(metric="correlation", video=video).read_text().splitlines()[1]
    assert text.split("\t")[3:] == ["n/a"] * 3


def test_the_cuts_are_among_the_largest_changes(results):
    """Colours of the same noise differ little to an untrained network; the others do not."""
    table = changes_of(results, "cuts")
    for layer in LAYERS:
        assert {18, 36} <= set(table[layer].nlargest(3).index)


@pytest.mark.parametrize("video", VIDEOS)
def test_accumulators(results, video):
    values = changes_of(results, video)[LAYERS]
    for kind in ("static", "dynamic"):
        table = read_table(
            Results(results).accumulators(variant=f"correlation.{kind}", video=video)
        )
        for layer in LAYERS:
            change, low, high = values[layer][1:], values[layer].min(), values[layer].max()
            salient, threshold = table[f"{layer}_salient"], table[f"{layer}_threshold"]
            np.testing.assert_array_equal(table[f"{layer}_count"], salient.cumsum())
            assert salient[0] == 0
            assert threshold[0] == pytest.approx((low + high) / 2)
            if kind == "static":
                np.testing.assert_allclose(threshold, (low + high) / 2)
                np.testing.assert_array_equal(salient[1:], change > threshold[1:])
            else:
                np.testing.assert_array_equal(salient[1:], change >= threshold[1:])
                assert len(set(threshold)) > 10


def test_summary(results):
    table = read_table(Results(results).summary())
    assert len(table) == len(VIDEOS) * len(SERIES)
    for row in table.to_dict("records"):
        path = Results(results).accumulators(
            variant=f"{row['metric']}.{row['threshold']}", video=row["video"]
        )
        counted = read_table(path)
        time_s = counted["time_s"]
        duration_s = time_s.iloc[-1] - time_s.iloc[0] + time_s.diff().median()
        assert row["n_frames"] == len(counted)
        assert row["duration_s"] == pytest.approx(duration_s)
        assert [row[name] for name in COUNTS] == list(counted[COUNTS].iloc[-1])


@pytest.mark.parametrize("name", list(expand("segments/{series}/{video}.tsv")))
def test_segments_cover_the_video(results, name):
    table, n = read_table(results / name), len(changes_of(results, name.split("/")[-1][:-4]))
    assert table["start_frame"].iloc[0] == 0 and pd.isna(table["change"].iloc[0])
    ends = table["start_frame"] + table["n_frames"]
    assert list(ends) == [*table["start_frame"][1:], n]
    assert (table["start_s"].diff()[1:] >= 0.5).all()


@pytest.mark.parametrize("series", SERIES)
def test_clips(results, series):
    table = read_table(Results(results).clips(variant=series))
    assert set(table["video"]) == set(VIDEOS) and table["clip"].is_unique
    for row in table.to_dict("records"):
        time_s = changes_of(results, row["video"])["time_s"].to_numpy()
        first, last = row["start_frame"], row["start_frame"] + row["n_frames"] - 1
        duration_s = time_s[last] - time_s[first] + np.median(np.diff(time_s))
        assert row["start_s"] == pytest.approx(time_s[first])
        assert row["duration_s"] == pytest.approx(duration_s)
        assert all(0 <= row[name] <= row["n_frames"] - 1 for name in COUNTS)
        if series == "correlation.static":
            path = Results(results).accumulators(variant=series, video=row["video"])
            salient = read_table(path)[[f"{layer}_salient" for layer in LAYERS]]
            inside = salient.iloc[first + 1 : last + 1].sum()
            assert [row[name] for name in COUNTS] == list(inside)
    lengths = table.groupby("video")["n_frames"].unique().map(set)
    assert all(one == {6, 9, 12, 15} for one in lengths)


@pytest.mark.parametrize("series", SERIES)
def test_predictions_and_scores(results, series):
    clips = read_table(Results(results).clips(variant=series))
    table = read_table(Results(results).predictions(variant=series))
    assert set(table["estimator"]) == {"svr", "ridge"}
    for _, one in table.groupby("estimator"):
        np.testing.assert_array_equal(one["clip"], clips["clip"])
        np.testing.assert_array_equal(one["duration_s"], clips["duration_s"])
        assert np.isfinite(one["predicted_s"]).all()
        folds = one.groupby("group")["fold"].unique()
        assert all(len(fold) == 1 for fold in folds)
        assert len({fold[0] for fold in folds}) == 3, "each of three groups is left out alone"
    scores = read_table(Results(results).scores(variant=series))
    controls = {"none", "mean_duration", "constant_rate", "frame_count", "permuted", "pixel_change"}
    assert set(scores["control"]) == controls
    assert set(scores["layers"]) == {"all", *LAYERS}
    asked = scores.query("estimator == 'ridge' and control == 'none' and layers == 'all'")
    asked = asked[(asked["split"] == "test") & (asked["metric"] == "rmse_s")]
    ridge = table[table["estimator"] == "ridge"]
    error = np.sqrt(((ridge["predicted_s"] - ridge["duration_s"]) ** 2).mean())
    assert asked["value"].iloc[0] == pytest.approx(error)


# The report


def test_pages_are_self_contained(results):
    for page in (results / "report").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        sources = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
        loaded = re.findall(r"""<(?:img|script|link)[^>]+(?:src|href)=["']([^"']+)""", text)
        assert loaded and all(one.startswith("data:") for one in loaded)
        for source in sources:
            known = source.startswith(("data:", "#", "https://", "http://", "mailto:"))
            assert known or (page.parent / source.split("#")[0]).exists(), source
        assert "untrained" in text.lower(), "the banner"


def test_the_overview_leads_to_every_page(results):
    text = Results(results).report().read_text(encoding="utf-8")
    assert all(f'href="{video}.html"' in text for video in VIDEOS)
    assert "trivial" in text.lower(), "that durations are nearly free"
    assert "10.1038/s41467-018-08194-7" in Results(results).references().read_text()


# Other ways to run


@pytest.fixture(scope="module")
def otherwise(videos, project, tmp_path_factory):
    """The same set one job and one frame at a time, from odd paths, into another folder."""
    folder = tmp_path_factory.mktemp("other")
    odd = folder / "films of 'me' $(x) 映画; 50%"
    odd.mkdir()
    for video, path in videos.items():
        shutil.copy(path, odd / f'{video} "*?[a]" {path.name}')
    write_videos(odd, {video: next(odd.glob(f"{video} *")) for video in VIDEOS})
    overlay = {
        "videos": f"{odd.name}/videos.tsv",
        "network": {"batch_size": 1},
        "pathvars": {"results": "out/other set"},
    }
    targets = [f"out/other set/{name}" for name in ("accumulators/summary.tsv", *tables())]
    config = write_config(folder, overlay)
    snakemake(folder, config, *targets, project=project, cores=1, cwd=odd).succeeded()
    return folder / "out/other set"


def tables():
    return [name for pattern in COLUMNS for name in expand(pattern)]


@pytest.mark.slow
def test_tables_are_the_same_byte_for_byte(results, otherwise):
    made = sorted(name for name in files(otherwise) if name.endswith(".tsv"))
    made = [name for name in made if not name.startswith("benchmarks/")]
    assert made == sorted(tables())
    for name in made:
        assert (otherwise / name).read_bytes() == (results / name).read_bytes(), name


@pytest.fixture(scope="module")
def pair(videos, gaps, project, tmp_path_factory):
    """Two videos, one of a variable rate, two metrics, the set's thresholds, images."""
    folder = tmp_path_factory.mktemp("pair")
    paths = {"cuts": videos["cuts"], "gaps": gaps}
    write_videos(folder, paths, scene={"cuts": "street"})
    overlay = {
        "changes": {"metrics": ["correlation", "euclidean"]},
        "thresholds": {"kinds": ["static"], "scope": "set"},
        "frames": {"images": "png", "fps": 6},
    }
    snakemake(folder, write_config(folder, overlay), project=project).succeeded()
    return folder / "results"


def test_two_videos_give_everything_but_a_fit(pair):
    made = files(pair)
    assert "report/index.html" in made and "figures/set/metric_vs_metric.png" in made
    assert len(read_table(Results(pair).clips(variant="euclidean.static")))
    for name in ("predictions", "scores"):
        assert not len(read_table(pair / f"duration/euclidean.static/{name}.tsv"))
    assert "form 2 groups, and fewer than 3" in Results(pair).report().read_text()


def test_thresholds_of_the_set_are_the_same_for_all_videos(pair):
    for metric in ("correlation", "euclidean"):
        values = pd.concat(
            read_table(Results(pair).changes(metric=metric, video=video))[LAYERS]
            for video in ("cuts", "gaps")
        )
        for video in ("cuts", "gaps"):
            table = read_table(Results(pair).accumulators(variant=f"{metric}.static", video=video))
            for layer in LAYERS:
                expected = (values[layer].min() + values[layer].max()) / 2
                np.testing.assert_allclose(table[f"{layer}_threshold"], expected)


def test_resampled_videos_tick_steadily(pair):
    for video, n in (("cuts", 24), ("gaps", 24)):
        table = read_table(Results(pair).changes(metric="correlation", video=video))
        assert list(table["time_s"]) == [float(Fraction(k, 6)) for k in range(n)]
        images = sorted(path.name for path in (pair / f"images/{video}").glob("*.png"))
        assert images == [f"{k:06d}.png" for k in range(n)]


@pytest.mark.slow
def test_one_video_of_a_variable_rate(gaps, project, tmp_path):
    write_videos(tmp_path, {"gaps": gaps})
    overlay = {
        "changes": {"metrics": ["cosine"]},
        "thresholds": {"kinds": ["dynamic"], "range": "percentile"},
        "clips": {"mode": "partition", "snapshots": 1, "repeats": 2},
    }
    snakemake(tmp_path, write_config(tmp_path, overlay), project=project).succeeded()
    results = tmp_path / "results"
    made = files(results)
    assert {"report/index.html", "report/gaps.html", "clips/cosine.dynamic.tsv"} <= made
    assert "video gaps varies or has gaps" in Results(results).methods().read_text()
    assert_frames_of(results, "cosine", "gaps", gaps)
    assert json.loads(Results(results).video_facts(video="gaps").read_text())["vfr"]
    assert "variable_frame_rate" in set(read_table(Results(results).quality(video="gaps"))["note"])
    clips = read_table(Results(results).clips(variant="cosine.dynamic"))
    assert set(clips["repeat"]) == {0, 1} and clips["clip"].str.contains("s1$").any()


@pytest.mark.slow
def test_a_home_folder_is_written_out_for_results_and_videos(videos, project, tmp_path):
    """Also by the jobs, which are processes of Snakemake's own."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    write_videos(home, {"cuts": videos["cuts"]})
    overlay = {"videos": "~/videos.tsv", "pathvars": {"results": "~/my results"}}
    config = write_config(tmp_path, overlay)
    target = home / "my results/pixels/cuts.tsv"
    environment = {"HOME": str(home)}
    snakemake(here, config, str(target), project=project, environment=environment).succeeded()
    assert {"videos/cuts.json", "pixels/cuts.tsv"} <= files(home / "my results")
    assert not [name for name in files(here) if not name.startswith(".snakemake/")]
