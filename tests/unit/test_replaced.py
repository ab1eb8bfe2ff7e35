"""Where `make run` writes, and when it stops rather than replace features of other settings."""

from pathlib import Path

import pytest
import yaml

from chronovision import survey_weights
from chronovision.errors import UserError
from chronovision.replaced import describe_differences, differing_videos
from chronovision.store import new_h5
from chronovision.survey import survey_folder
from chronovision.weights_name import weights_name
from made_clips import make_clip

PROJECT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((PROJECT / "config/config.yaml").read_text(encoding="utf-8"))
UNTRAINED = {"network": {"weights": "untrained"}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", "testsrc=s=64x48:r=25:d=0.8")


@pytest.fixture
def films(clip, tmp_path, monkeypatch):
    """A folder of three videos, a working directory, and a server of weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: None)
    folder = tmp_path / "films"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.mp4").write_bytes(clip.read_bytes())
    return folder


def survey(folder, overlay=None, **options):
    """The run's overlay as a path and as read, and what is said; `overlay` is the user's."""
    if overlay is not None:
        Path("my.yaml").write_text(yaml.safe_dump(overlay))
        options["config"] = "my.yaml"
    found = survey_folder(folder, project=PROJECT, **options)
    return found.overlay, yaml.safe_load(found.overlay.read_text()), "\n".join(found.summary)


def extract(results, *videos, frames=None, network=None, drop=(), made=None, **rest):
    """Features of videos as far as their provenance, with the defaults but for what is named."""
    decoded = {key: value for key, value in CONFIG["frames"].items() if key != "images"}
    decoded |= {"start_s": None, "end_s": None, "strict": False, **(frames or {}), **rest}
    used = {**CONFIG["network"], "weights": "untrained", **(network or {})}
    for one in drop:
        decoded.pop(one, None), used.pop(one, None)
    for video in videos:
        steps = {"dump_frames": decoded, "extract_features": used}
        with new_h5(Path(results, f"features/{video}.h5"), {"steps": steps, "network": made or {}}):
            pass


def contents(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


# Where the results go


def test_the_results_folder_of_the_config_is_honoured(films):
    path, overlay, said = survey(films, {"pathvars": {"results": "out/mine"}, **UNTRAINED})
    assert path == Path("out/mine/run.yaml") and "results go to out/mine" in said
    assert overlay["pathvars"] == {"results": "out/mine"}
    assert overlay["videos"] == "out/mine/videos.tsv" and Path("out/mine/videos.tsv").is_file()
    assert not Path("results").exists()
    again, _, _ = survey(films, {"pathvars": {"results": "out/mine"}, **UNTRAINED})
    assert again == path
    assert survey(films, UNTRAINED)[0] == Path("results/films/run.yaml")


def test_an_absolute_results_folder(films, tmp_path):
    folder = tmp_path / "elsewhere" / "out"
    path, overlay, _ = survey(films, {"pathvars": {"results": str(folder)}})
    assert path == folder / "run.yaml" and overlay["pathvars"] == {"results": str(folder)}


def other_set(films):
    other = films.parent / "other"
    other.mkdir()
    (other / "x.mp4").write_bytes((films / "a.mp4").read_bytes())
    survey(other, {"pathvars": {"results": "out"}})


@pytest.mark.parametrize(
    ("occupy", "said"),
    [
        (other_set, "out holds the results of .*/other: name another folder there"),
        (lambda _: extract("out", "a"), "out holds results that make run did not begin"),
        (lambda _: Path("out").touch(), "out is no folder that can be read"),
        (lambda _: Path("out").symlink_to("nowhere"), "out is no folder that can be read"),
    ],
    ids=["another folder's set", "a plain run", "a file", "a broken link"],
)
def test_a_results_folder_that_is_taken_is_refused(occupy, said, films):
    occupy(films)
    before = contents(".")
    with pytest.raises(UserError, match=f"^pathvars.results of my.yaml: {said}") as error:
        survey(films, {"pathvars": {"results": "out"}})
    assert "\n" not in str(error.value)
    assert {**before, "my.yaml": b""} == {**contents("."), "my.yaml": b""}


def test_a_table_beside_a_folder_is_refused(films):
    with pytest.raises(UserError, match=r"my.yaml: videos: my.tsv and VIDEOS=.*two sets") as error:
        survey(films, {"videos": "my.tsv", "pathvars": {"results": "results/mine"}})
    assert "\n" not in str(error.value) and "--configfile my.yaml" in str(error.value)
    assert not Path("results").exists()


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
    assert "REPLACE=yes" in said[6] and len(said) == 7
    # Both ways do what they say.
    _, overlay, _ = survey(films, {"network": layers}, fps=10.0, replace="yes")
    assert overlay["frames"]["fps"] == 10
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
    differing = differing_videos(tmp_path, "abc", config, CONFIG)
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
        # Of the table, and of single videos.
        ({"frames": {"start_s": 1.0, "end_s": 2.0}}, {}),
    ],
)
def test_no_false_alarm(made, overlay, tmp_path):
    extract(tmp_path, "a", "b", **made)
    assert not differing_videos(tmp_path, "abc", with_overlay(overlay), CONFIG)


def test_a_file_of_weights_counts_by_its_contents(tmp_path):
    """Its name does not matter; other contents under the same name do."""
    file, renamed = tmp_path / "w.pth", tmp_path / "v.pth"
    for path in (file, renamed):
        path.write_bytes(b"weights")
    config = with_overlay({"network": {"weights": str(file)}})
    made = {"weights_name": weights_name(config["network"], 0)}
    extract(tmp_path, "a", network={"weights": str(file)}, made=made)
    moved = with_overlay({"network": {"weights": str(renamed)}})
    assert not differing_videos(tmp_path, "a", moved, CONFIG)
    file.write_bytes(b"weights, trained further")
    differing = differing_videos(tmp_path, "a", config, CONFIG)
    (line,) = describe_differences(differing, config)
    assert line == f'  network.weights: "{file}, with other contents" -> "{file}"'


def test_what_is_not_of_the_set_or_cannot_be_read_does_not_count(tmp_path):
    extract(tmp_path, "gone", frames={"size": 64})
    (tmp_path / "features/a.h5").write_bytes(b"damaged")
    with new_h5(tmp_path / "features/b.h5", {}):
        pass
    assert not differing_videos(tmp_path, "abc", with_overlay({}), CONFIG)


def test_a_video_that_came_later_and_a_deleted_table_hide_nothing(films):
    survey(films, UNTRAINED)
    extract("results/films", "a", frames={"size": 64})
    (films / "0.mp4").write_bytes((films / "a.mp4").read_bytes())
    Path("results/films/videos.tsv").unlink()
    assert "the features of 1 of 4 videos" in replaced(films, UNTRAINED)


def test_consent_must_be_spelt_out(films):
    with pytest.raises(UserError, match="REPLACE=maybe: say REPLACE=yes"):
        survey(films, replace="maybe")
