"""Dry runs: what is planned for many configs, videos tables and places."""

import pytest

from chronovision.core.metrics import METRICS
from chronovision.jobs.costs import COSTS, jobs_of_video
from support.clips import make_clip
from support.pipeline import copy_project, merged, plan, write_config, write_videos

PER_VIDEO = {
    "probe_video", "dump_frames", "describe_frames", "extract_features", "measure_changes",
    "accumulate_changes", "segment_video", "check_quality", "plot_video", "render_page",
}  # fmt: skip
SET_WIDE = {
    "fetch_weights", "summarise_counts", "build_clip_table", "plot_set", "render_report",
}  # fmt: skip


def overlay(metrics=1, kinds=("static",), **parts):
    names = list(METRICS)[:metrics]
    return merged({"changes": {"metrics": names}, "thresholds": {"kinds": list(kinds)}}, parts)


BOTH = ("static", "dynamic")

#: Every value of every column below stands beside most values of the others.
PLANS = [
    # videos, overlay
    (1, overlay(1, ("static",))),
    (1, overlay(3, BOTH, thresholds={"scope": "set"}, clips={"mode": "partition"})),
    (1, overlay(2, ("dynamic",), frames={"fps": 6, "images": "png"})),
    (2, overlay(1, BOTH, frames={"every": 3}, thresholds={"range": "percentile"})),
    (2, overlay(2, ("static",), thresholds={"scope": "set", "range": "percentile"})),
    (2, overlay(3, ("dynamic",), frames={"images": "jpg"}, clips={"mode": "partition"})),
    (3, overlay(1, ("dynamic",), thresholds={"scope": "set"}, frames={"every": 2})),
    (3, overlay(2, BOTH, frames={"fps": 12.5}, clips={"mode": "partition"})),
    (3, overlay(3, ("static",), frames={"fps": 8, "images": "jpg"}, network={"device": "auto"})),
    (3, overlay(1, BOTH, duration={"estimators": []}, network={"keep_maps": ["pool5"]})),
]


@pytest.mark.parametrize(("n_videos", "asked"), PLANS)
def test_the_right_jobs_are_planned(n_videos, asked, videos, tmp_path):
    write_videos(tmp_path, dict(list(videos.items())[:n_videos]))
    jobs = plan(tmp_path, write_config(tmp_path, asked)).succeeded().jobs
    metrics, kinds = len(asked["changes"]["metrics"]), len(asked["thresholds"]["kinds"])
    fits = asked.get("duration", {}).get("estimators") != []
    per_video = {"measure_changes": metrics, "accumulate_changes": kinds, "segment_video": kinds}
    images = {"images": None, **asked.get("frames", {})}
    assert jobs_of_video(asked | {"frames": images}) == {
        rule: jobs.get(rule, 0) // n_videos for rule in COSTS
    }
    expected = {rule: n_videos * per_video.get(rule, 1) for rule in PER_VIDEO}
    expected |= dict.fromkeys(SET_WIDE, 1) | {"build_clip_table": metrics * kinds, "all": 1}
    if asked.get("frames", {}).get("images"):
        expected["export_images"] = n_videos
    if asked["thresholds"].get("scope") == "set":
        expected["pool_ranges"] = metrics
    if fits:
        expected["fit_duration_model"] = metrics * kinds
    assert jobs == expected


def test_names_of_metrics_and_thresholds_are_those_of_the_registries(videos, tmp_path):
    """One entry more in each, and the rules plan it."""
    copy_project(tmp_path)
    for module, registry in (("metrics", "METRICS"), ("threshold_kinds", "THRESHOLD_KINDS")):
        with (tmp_path / f"scripts/chronovision/core/{module}.py").open("a") as file:
            file.write(f"{registry}['other'] = next(iter({registry}.values()))\n")
    write_videos(tmp_path, {"cuts": videos["cuts"]})
    asked = {"changes": {"metrics": ["other"]}, "thresholds": {"kinds": ["other"]}}
    planned = plan(tmp_path, write_config(tmp_path, asked), project=tmp_path).succeeded()
    assert "cuts: measuring other changes" in planned.messages
    assert "cuts: counting salient changes, other threshold" in planned.messages


@pytest.mark.parametrize("preset", ["demo", "notebook", "roseboom2019"])
def test_presets(preset, videos, tmp_path, project):
    """With their own results folder and settings, for a videos table given after them."""
    write_videos(tmp_path, videos)
    only_videos = tmp_path / "mine.yaml"
    only_videos.write_text("videos: videos.tsv\n")
    planned = plan(tmp_path, only_videos, project=project, preset=preset).succeeded()
    assert f"results/{preset}/report/index.html" in planned.text
    assert (
        planned.jobs["fit_duration_model"] == {"demo": 4, "notebook": 2, "roseboom2019": 2}[preset]
    )
    assert ("export_images" in planned.jobs) == (preset == "notebook")


def test_the_defaults_need_no_overlay(videos, tmp_path):
    """A table at config/videos.tsv of the working directory goes before the project's."""
    (tmp_path / "config").mkdir()
    write_videos(tmp_path / "config", videos)
    planned = plan(tmp_path, None).succeeded()
    assert planned.jobs["extract_features"] == 3
    assert "vgg19.imagenet" in planned.text


def test_from_another_directory_into_another_folder(videos, tmp_path):
    (tmp_path / "work").mkdir()
    write_videos(tmp_path / "work", videos)
    config = write_config(tmp_path, {"pathvars": {"results": "out/second set"}})
    planned = plan(tmp_path / "work", config, cwd=tmp_path).succeeded()
    assert "out/second set/report/index.html" in planned.text
    assert planned.jobs["probe_video"] == 3


def test_paths_in_the_table_count_from_the_table(videos, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "films").symlink_to(videos["cuts"].parent)
    names = {key: f"../films/{path.name}" for key, path in videos.items()}
    write_videos(tmp_path / "lists", names)
    planned = plan(tmp_path, write_config(tmp_path, {"videos": "lists/videos.tsv"})).succeeded()
    assert planned.jobs["probe_video"] == 3


NASTY = [
    "with spaces.mp4", "it's.mp4", 'say "hi".mp4', "$(touch hacked).mp4", "`touch hacked`.mp4",
    "größe—映画.mp4", "a*b.mp4", "what?.mp4", "100%.mp4", "a;b&c|d.mp4", "[x].mp4", "~tilde.mp4",
    "-dash.mp4", "#hash.mp4", "back\\slash.mp4", "a:b,c=d.mp4", "!bang.mp4", "<Name>.mp4",
]  # fmt: skip


def test_any_path_that_snakemake_can_carry(tmp_path):
    folder = tmp_path / "films of 'me' (50%) *"
    folder.mkdir()
    source = make_clip(tmp_path / "source.mp4", "testsrc2=s=64x48:r=12:d=1")
    for name in NASTY:
        (folder / name).symlink_to(source)
    paths = {f"v{number}": folder / name for number, name in enumerate(NASTY)}
    write_videos(tmp_path, paths)
    config = write_config(tmp_path, {})
    planned = plan(
        tmp_path,
        config,
        "results/videos/v0.json",
        *(f"results/videos/v{number}.json" for number in range(1, len(NASTY))),
    ).succeeded()
    assert planned.jobs == {"probe_video": len(NASTY)}
    assert not list(tmp_path.rglob("hacked"))


def test_the_graph_can_be_drawn(videos, tmp_path):
    """A cheap check that every rule's inputs are found without a job being run."""
    write_videos(tmp_path, videos)
    drawn = plan(tmp_path, write_config(tmp_path, {}), "--rulegraph").succeeded()
    for rule in PER_VIDEO | SET_WIDE:
        assert rule in drawn.out
