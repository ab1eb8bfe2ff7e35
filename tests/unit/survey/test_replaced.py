"""Where `make run` writes, and when it stops rather than replace features of other settings."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chronovision.core.files import write_json
from chronovision.core.hdf5 import new_h5
from chronovision.errors import UserError
from chronovision.features.weights_name import weights_name
from chronovision.jobs import locks
from chronovision.survey import folder as video_folder
from chronovision.survey import weights as survey_weights
from chronovision.survey.replaced import describe_differences, differing_videos
from chronovision.survey.survey import survey_folder
from chronovision.videos.table import Video
from support.clips import make_clip
from support.paths import PROJECT

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


def extract(results, *videos, frames=None, network=None, drop=(), made=None, stream=None, **rest):
    """Features of videos as far as their provenance, with the defaults but for what is named."""
    decoded = {key: value for key, value in CONFIG["frames"].items() if key != "images"}
    decoded |= {"start_s": None, "end_s": None, "strict": False, **(frames or {}), **rest}
    used = {**CONFIG["network"], "weights": "untrained", **(network or {})}
    for one in drop:
        decoded.pop(one, None), used.pop(one, None)
    for video in videos:
        steps = {"dump_frames": decoded, "extract_features": used}
        steps["probe_video"] = {"stream": stream}
        with new_h5(Path(results, f"features/{video}.h5"), {"steps": steps, "network": made or {}}):
            pass


def rows(*videos, **columns):
    """Rows of the table, whole films but for what is named."""
    row = {**dict.fromkeys(("scene", "start_s", "end_s", "stream")), **columns}
    return {video: Video(video, f"/{video}.mp4", group=video, **row) for video in videos}


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


def test_another_way_to_the_folder_finds_its_results(films, tmp_path):
    """Paths stay as the set has them, since Snakemake goes by paths."""
    survey(films)
    before = contents("results")
    (tmp_path / "link").symlink_to(films)
    path, _, said = survey(tmp_path / "link")
    assert path == Path("results/films/run.yaml") and f"know it as {films}" in said
    assert contents("results") == before
    survey(films, {"pathvars": {"results": "out"}})
    assert survey(tmp_path / "link", {"pathvars": {"results": "out"}})[0] == Path("out/run.yaml")


@pytest.mark.parametrize("moved", ["movies", "new place/films"])
def test_a_folder_that_was_moved(films, tmp_path, moved):
    """Its results are named, and the command that is advised keeps them."""
    deep = tmp_path / "old place/films"
    deep.parent.mkdir()
    films.rename(deep)
    survey(deep), survey(deep, {"pathvars": {"results": "out"}})
    before, out = contents("results/films"), contents("out")
    for name in "abc":
        about = {"path": str(deep / f"{name}.mp4"), "bytes": (deep / f"{name}.mp4").stat().st_size}
        write_json(Path(f"results/films/videos/{name}.json"), about)
    new = tmp_path / moved
    new.parent.mkdir(exist_ok=True)
    deep.rename(new)
    deep.parent.rmdir()
    path, _, said = survey(new)
    assert path.parent in (Path("results/movies"), Path("results/films_2"))
    assert f"  results/films holds the results of {deep}, which is gone, and 3 of its 3" in said
    with pytest.raises(UserError, match=f"holds the results of {deep}, which is gone") as error:
        survey(new, {"pathvars": {"results": "out"}})
    advised = f"mkdir -p '{deep.parent}' && ln -s "
    (command,) = re.findall(f"{advised}.+ '{deep}'(?= && make)", said)
    assert command in str(error.value)
    subprocess.run(command, shell=True, check=True)
    path, _, again = survey(re.search("make run VIDEOS='(.+)'", said)[1])
    assert path == Path("results/films/run.yaml") and "is gone" not in again
    now = contents("results/films")
    assert {name: now[name] for name in before} == before
    survey(new, {"pathvars": {"results": "out"}})
    assert contents("out") == out


def test_other_films_are_no_moved_folder(films, tmp_path):
    survey(films)
    about = {"path": str(films / "a.mp4"), "bytes": 1}
    write_json(Path("results/films/videos/a.json"), about)
    films.rename(tmp_path / "movies")
    assert "gone" not in survey(tmp_path / "movies")[2]


@pytest.mark.parametrize(
    ("results", "occupy", "said"),
    [
        (None, lambda: Path("results").touch(), "results/films: no results can be there"),
        (None, lambda: Path("results").symlink_to("nowhere"), "/results/films: results cannot be"),
        ("/proc/nope/x", lambda: None, "/proc/nope/x: results cannot be written"),
        ("file/x", lambda: Path("file").touch(), "file/x: no results can be there"),
    ],
    ids=["a file", "a broken link", "a drive that takes none", "a file above"],
)
def test_results_that_can_lie_nowhere(films, results, occupy, said):
    occupy()
    before = sorted(Path.cwd().rglob("*"))
    overlay = {"pathvars": {"results": results}} if results else None
    with pytest.raises(UserError, match=said) as error:
        survey(films, overlay)
    assert "\n" not in str(error.value)
    assert {*Path.cwd().rglob("*")} - {Path("my.yaml").absolute()} == {*before}


def test_files_that_cannot_be_written(films, monkeypatch):
    """As in a project that is read-only to this user."""

    def refuse(path, text):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(video_folder, "write_text", refuse)
    with pytest.raises(UserError, match=r"table and config cannot be written \(Permission denied"):
        survey(films)


def test_a_folder_in_use_is_left_alone(films):
    """A run, which is another process, holds the results."""
    survey(films)
    locks._HELD.pop().close()  # as the survey's process does by its end
    (films / "d.mp4").write_bytes((films / "a.mp4").read_bytes())
    code = (
        "import sys; from chronovision.jobs.locks import lock_results; lock_results(sys.argv[1]); "
    )
    code += "print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "results/films/locks"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "scripts")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"held\n"
        before = contents("results")
        with pytest.raises(UserError, match="another run .* is working on these results"):
            survey(films, fps=10.0)
        assert contents("results") == before
        other.communicate(b"")
    assert survey(films, fps=10.0)[1]["frames"]["fps"] == 10


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
    (tmp_path / "features/a.h5").write_bytes(b"damaged")
    with new_h5(tmp_path / "features/b.h5", {}):
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
