"""Settings that would replace features."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from chronovision.core.hdf5 import new_h5
from chronovision.core.results import Results
from chronovision.errors import UserError
from chronovision.features.weights_name import weights_name
from chronovision.survey.replaced import describe_differences, differing_videos
from chronovision.survey.survey import survey_folder
from chronovision.videos.table import Video
from support.paths import PROJECT
from support.surveyed import CONFIG, UNTRAINED, contents, extract, survey

pytestmark = pytest.mark.moderate


def rows(*videos, **columns):
    """Rows of the table, whole films but for what is named."""
    row = {**dict.fromkeys(("scene", "start_s", "end_s", "stream")), **columns}
    return {video: Video(video, f"/{video}.mp4", group=video, **row) for video in videos}


# Other settings


def replaced(films, overlay, **options):
    """What the survey says when it stops, having written nothing."""
    before = contents(".")
    with pytest.raises(UserError) as error:
        survey(films, overlay, **options)
    assert {**before, "my.yaml": b""} == {**contents("."), "my.yaml": b""}
    return str(error.value)


def test_a_run_that_would_replace_features_says_what_and_how_long(films):
    run, _, _ = survey(films, UNTRAINED)
    extract("results/films", "a", "c")
    layers = {"layers": ["pool1", "pool5"], "weights": "untrained"}
    said = replaced(films, {"network": layers}, fps=10.0).splitlines()
    assert said[0].startswith("results/films holds features that were made with other settings")
    assert said[1:4] == [
        "  frames.fps: null -> 10.0",
        '  network.layers: ["pool1", "pool2", "pool3", "pool4", "pool5"] -> ["pool1", "pool5"]',
        said[3],
    ]
    assert "the features of 2 of 3 videos" in said[3]
    assert " about " in said[4] and "processor cores of this machine" in said[4]
    assert "write `pathvars: {results: results/films_2}` in my.yaml" in said[5]
    assert "REPLACE=yes" in said[6]
    # Both ways do what they say.
    _, overlay, noted = survey(films, {"network": layers}, fps=10.0, replace="yes")
    assert overlay["frames"]["fps"] == 10
    note = "  REPLACE=yes: features that were made with other settings are replaced"
    assert "\n".join([note, *said[1:4]]) in noted, "what is lost is told all the same"
    # What stands against the new settings is told before they cost anything.
    assert said[7:] and "\n".join(said[7:]) in noted
    both = {"network": layers, **yaml.safe_load(said[5].split("`")[1])}
    kept = contents("results/films")
    assert survey(films, both, fps=10.0)[0] == Path("results/films_2/run.yaml")
    assert contents("results/films") == kept and run.is_file()


def test_without_a_file_of_settings_one_is_advised(films):
    survey(films)
    extract("results/films", "a", network={"weights": "imagenet"})
    Path("results/films_2").mkdir()
    Path("results/films_2/mine").touch()
    with pytest.raises(
        UserError, match="results/films_3}` in a file of settings, named by CONFIG="
    ):
        survey(films, fps=10.0)


@pytest.mark.parametrize(
    ("pathvars", "advice"),
    [
        ("{results: out}", "change `results` under `pathvars` in my.yaml to `results: out_2`"),
        ("{}", "write `results: results/films_2` under `pathvars` in my.yaml"),
    ],
)
def test_the_advice_makes_no_second_section(films, pathvars, advice):
    text = "network: {weights: untrained}\npathvars: " + pathvars + "\n"
    Path("my.yaml").write_text(text)
    where = survey_folder(films, project=PROJECT, config="my.yaml").overlay.parent
    extract(where, "a", frames={"size": 64})
    with pytest.raises(UserError) as error:
        survey_folder(films, project=PROJECT, config="my.yaml")
    assert f"  to keep both, {advice}, and run again" in str(error.value).splitlines()
    key = re.search("`(results: .+?)`", advice)[1]
    Path("my.yaml").write_text(text.replace(pathvars, "{" + key + "}"))
    found = survey_folder(films, project=PROJECT, config="my.yaml")
    assert str(found.overlay.parent) == key.removeprefix("results: ")


def with_overlay(overlay):
    """The whole config of a run with untrained weights and an overlay."""
    parts = {
        key: {**CONFIG[key], **UNTRAINED.get(key, {}), **overlay.get(key, {})}
        for key in ("frames", "network")
    }
    return {**CONFIG, **overlay, **parts}


@pytest.mark.parametrize(
    ("made", "overlay", "line"),
    [
        ({"frames": {"every": 2}}, {}, "frames.every: 2 -> 1"),
        ({}, {"frames": {"size": 64}}, "frames.size: 224 -> 64"),
        ({}, {"frames": {"geometry": "pad"}}, 'frames.geometry: "crop" -> "pad"'),
        ({}, {"network": {"model": "vgg16"}}, 'network.model: "vgg19" -> "vgg16"'),
        ({}, {"network": {"precision": "bfloat16"}}, 'network.precision: "float32" -> "bfloat16"'),
        ({}, {"network": {"keep_maps": ["pool5"]}}, 'network.keep_maps: [] -> ["pool5"]'),
        ({}, {"network": {"maps_dtype": "float32"}}, 'network.maps_dtype: "float16" -> "float32"'),
        ({"network": {"weights": "auto"}}, {}, 'network.weights: "auto" -> "untrained"'),
        ({"strict": True}, {}, "strict: true -> false"),
        # A key that is newer than the features had its default.
        ({"drop": ["fps"]}, {"frames": {"fps": 10}}, "frames.fps: null -> 10"),
    ],
)
def test_each_key_that_decides_features_counts(made, overlay, line, tmp_path):
    extract(tmp_path, "b", **made)
    config = with_overlay(overlay)
    differing = differing_videos(tmp_path, rows(*"abc"), config, CONFIG)
    assert list(differing) == ["b"]
    assert describe_differences(differing, config) == [f"  {line}"]


@pytest.mark.parametrize(
    ("made", "overlay"),
    [
        ({}, {"thresholds": {"range": "percentile"}, "changes": {"metrics": ["cosine"]}}),
        ({}, {"network": {"device": "cpu", "batch_size": 4}, "frames": {"images": "jpg"}}),
        ({"network": {"device": "cuda", "batch_size": 1}}, {}),
        ({"drop": ["strict", "fps", "maps_dtype"]}, {}),
        ({"drop": ["strict"]}, {"strict": True}),
    ],
)
def test_no_false_alarm(made, overlay, tmp_path):
    extract(tmp_path, "a", "b", **made)
    assert not differing_videos(tmp_path, rows(*"abc"), with_overlay(overlay), CONFIG)


def test_a_part_or_stream_of_the_kept_table_counts(films):
    """Video by video, as the table has them."""
    survey(films, UNTRAINED)
    extract("results/films", "a", "b", "c", start_s=0.0, end_s=0.4)
    lines = ["video\tpath\tstart_s\tend_s\tstream"]
    lines += [f"{name}\t{films}/{name}.mp4\t{rest}" for name, rest in (("a", "0\t0.4\t"),)]
    lines += [f"{name}\t{films}/{name}.mp4\t{rest}" for name, rest in (("b", "0\t0.6\t0"),)]
    table = Path("results/films/videos.tsv")
    table.write_text("\n".join(lines) + "\n")
    said = replaced(films, UNTRAINED).splitlines()
    assert said[1:3] == ["  end_s of b: 0.4 -> 0.6", "  stream of b: null -> 0"]
    assert "the features of 1 of 2 videos" in said[3]


def test_a_file_of_weights_counts_by_its_contents(tmp_path):
    """Its name does not matter; other contents under the same name do."""
    file, renamed = tmp_path / "w.pth", tmp_path / "v.pth"
    file.write_bytes(b"weights")
    shutil.copy2(file, renamed)  # with its time, which counts of a file that is no archive
    config = with_overlay({"network": {"weights": str(file)}})
    made = {"weights_name": weights_name(config["network"], 0)}
    extract(tmp_path, "a", network={"weights": str(file)}, made=made)
    moved = with_overlay({"network": {"weights": str(renamed)}})
    assert not differing_videos(tmp_path, rows("a"), moved, CONFIG)
    file.write_bytes(b"weights, trained further")
    differing = differing_videos(tmp_path, rows("a"), config, CONFIG)
    (line,) = describe_differences(differing, config)
    assert line == f'  network.weights: "{file}, with other contents" -> "{file}"'


def test_what_is_not_of_the_set_or_cannot_be_read_does_not_count(tmp_path):
    extract(tmp_path, "gone", frames={"size": 64})
    Results(tmp_path).features(video="a").write_bytes(b"damaged")
    with new_h5(Results(tmp_path).features(video="b"), {}):
        pass
    assert not differing_videos(tmp_path, rows(*"abc"), with_overlay({}), CONFIG)


def test_a_video_that_came_later_and_a_deleted_table_hide_nothing(films):
    survey(films, UNTRAINED)
    extract("results/films", "a", frames={"size": 64})
    (films / "0.mp4").write_bytes((films / "a.mp4").read_bytes())
    Path("results/films/videos.tsv").unlink()
    assert "the features of 1 of 4 videos" in replaced(films, UNTRAINED)


def test_consent_must_be_spelt_out(films):
    with pytest.raises(UserError, match="REPLACE=maybe: say REPLACE=yes"):
        survey(films, replace="maybe")
