"""Survey of a folder: what is found, how it is named, what is written and what is said."""

import hashlib
import re
import runpy
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
import yaml

from chronovision.errors import UserError
from chronovision.features.weights import fetch_weights
from chronovision.features.weights_name import weights_name
from chronovision.survey import survey as survey_module
from chronovision.survey import weights as survey_weights
from chronovision.survey.folder import clean_name, name_videos
from chronovision.survey.survey import survey_folder
from chronovision.videos.table import read_videos
from support.clips import make_clip
from support.paths import PROJECT


def make_video(path, rate=25, n_frames=20):
    path.write_bytes(coded(path.suffix.lower(), rate, n_frames))


@cache
def coded(suffix, rate, n_frames) -> bytes:
    """Bytes of a video, coded once."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        make_clip(path, f"testsrc=s=64x48:r={rate}", "-frames:v", n_frames)
        return path.read_bytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of three videos at one rate, outside the working directory; a server of weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: None)
    videos = tmp_path / "my films"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        make_video(videos / name)
    return videos


def survey(folder, **settings):
    found = survey_folder(folder, project=PROJECT, **settings)
    return found, yaml.safe_load(found.overlay.read_text()), "\n".join(found.summary)


def test_what_is_written(folder):
    before = sorted(folder.iterdir())
    found, overlay, said = survey(folder)
    assert found.overlay == Path("results/my_films/run.yaml")
    assert overlay == {
        "videos": "results/my_films/videos.tsv",
        "pathvars": {"results": "results/my_films"},
    }
    videos = read_videos(overlay["videos"])
    assert {name: video.path for name, video in videos.items()} == {
        name: str(folder / f"{name}.mp4") for name in "abc"
    }
    assert sorted(folder.iterdir()) == before, "nothing is written into the user's folder"
    assert "3 videos" in said and "60 frames" in said and "25 (3)" in said
    assert "1 MB on disk" in said and "processor cores" in said
    assert "vgg19 with ImageNet weights (https://" in said
    assert "WARNING: no clip duration fits, as" in said and said.count("WARNING") == 2
    assert "WARNING: videos a, b and c are the same file in different groups" in said


@pytest.mark.moderate
def test_odd_names_and_files_that_are_no_videos(folder):
    for name in ("Ünïted  näme.mp4", "a.mkv", "A.avi", "映画.mp4", 'it\'s "q" 100%; #1.MOV'):
        make_video(folder / name)
    (folder / "bad {braces}.mp4").write_bytes((folder / "a.mp4").read_bytes())
    (folder / "text.mkv").write_text("no video")
    (folder / "empty.mkv").touch()
    (folder / "notes.txt").write_text("notes")
    (folder / ".hidden.mp4").touch()
    (folder / "sub.mp4").mkdir()
    make_video(folder / "single.mp4", n_frames=1)
    _, overlay, said = survey(folder)
    videos = read_videos(overlay["videos"])
    assert {name: Path(video.path).name for name, video in videos.items()} == {
        "A": "A.avi",
        "United_name": "Ünïted  näme.mp4",
        "a_2": "a.mkv",
        "a_3": "a.mp4",
        "b": "b.mp4",
        "c": "c.mp4",
        "it_s_q_100_1": 'it\'s "q" 100%; #1.MOV',
        "video": "映画.mp4",
    }
    for reason in (
        "left out: text.mkv (not a video",
        "left out: empty.mkv (the file is empty",
        "left out: notes.txt (no video, by its name)",
        "left out: sub.mp4/ (a subfolder)",
        "left out: single.mp4 (1 frame",
        "left out: 'bad {braces}.mp4' (braces",
    ):
        assert reason in said
    assert ".hidden" not in said


@pytest.mark.moderate
def test_long_list_of_left_out_files_is_cut(folder):
    for number in range(25):
        (folder / f"{number:02}.txt").touch()
    said = survey(folder)[2]
    assert said.count("left out:") == 20 and "and 5 more left out" in said


def test_names():
    assert clean_name("../x y.z", "video") == "x_y_z"
    assert clean_name("…", "video") == "video"
    assert len(clean_name("x" * 300, "video")) == 80
    names = name_videos(["/f/index.mp4", "/f/x.avi", "/f/x.mp4", "/f/X.mkv"], {"/f/x.mp4": "x"})
    assert list(names.values()) == ["index_2", "x_2", "x", "X_3"]
    assert list(name_videos(["/f/NA.mp4", "/f/nan.mp4"], {}).values()) == ["NA_2", "nan_2"]


@pytest.mark.moderate
def test_added_video_leaves_the_other_ids_alone(folder):
    survey(folder)
    make_video(folder / "a.avi")
    _, overlay, _ = survey(folder)
    videos = read_videos(overlay["videos"])
    assert {Path(v.path).name: name for name, v in videos.items()} == {
        "a.avi": "a_2",
        "a.mp4": "a",
        "b.mp4": "b",
        "c.mp4": "c",
    }


@pytest.mark.moderate
def test_second_survey_writes_the_same(folder):
    table = Path(survey(folder)[1]["videos"])
    before = table.stat().st_mtime_ns, table.read_text()
    survey(folder)
    assert (table.stat().st_mtime_ns, table.read_text()) == before


@pytest.mark.moderate
def test_edited_table_is_kept(folder):
    table = Path(survey(folder)[1]["videos"])
    edited = f"video\tpath\tstart_s\nmine\t{folder}/a.mp4\t0.4\nlost\t/nowhere.mp4\n"
    table.write_text(edited)
    make_video(folder / "d.mp4")
    _, _, said = survey(folder)
    assert table.read_text() == edited
    assert "has been edited and is used as it is; the folder also has b.mp4, c.mp4, d.mp4" in said
    assert "To renew it, delete it" in said
    assert "WARNING: lost: no such video file" in said
    assert "10 frames" in said, "half of a.mp4"
    table.unlink()
    survey(folder)
    assert len(read_videos(table)) == 4


@pytest.mark.moderate
def test_clash_of_rates(folder, tmp_path):
    make_video(folder / "slow.mp4", rate=12.5)
    (tmp_path / "my own.yaml").write_text("seed: 1\n")
    _, overlay, said = survey(folder, config="my own.yaml")
    assert "duration" not in overlay, "the page says why there is no fit"
    assert "WITHOUT the fit" in said and "FPS=" not in said
    assert f"make run VIDEOS='{folder}' CONFIG='my own.yaml' STEP=0.08" in said
    _, overlay, said = survey(folder, step="0.08")
    assert overlay["frames"] == {"every": 1, "step_s": 0.08, "fps": None}
    assert "duration" not in overlay
    assert "WARNING: steps" not in said and "50 frames" in said
    assert "every frame of 1 video, every 2nd frame of 3; they last" in said


@pytest.mark.moderate
def test_a_rate_that_steps_unevenly_is_used_and_said_to(folder):
    _, overlay, said = survey(folder, fps=12.5)
    assert overlay["frames"] == {"every": 1, "step_s": None, "fps": 12.5}
    assert "duration" not in overlay and "30 frames" in said
    assert "do not go evenly" not in said
    _, overlay, said = survey(folder, fps=10)
    assert overlay["frames"]["fps"] == 10 and "24 frames" in said
    assert "WARNING: 10 frames per second do not go evenly into those of 3 videos (25)" in said
    assert f"make run VIDEOS='{folder}' STEP=0.12" in said


@pytest.mark.moderate
def test_the_published_preset_says_where_it_does_not_fit(folder):
    """30 frames/s, as published, only where the source's rate is a whole multiple of it."""
    config = PROJECT / "config/roseboom2019.yaml"
    make_video(folder / "d.mp4", rate=60, n_frames=48)
    _, overlay, said = survey(folder, config=config, fps=30)
    assert "WARNING: 30 frames per second do not go evenly into those of 3 videos (25)" in said
    for name in "abc":
        (folder / f"{name}.mp4").unlink()
    make_video(folder / "e.mp4", rate="30000/1001")
    assert "do not go evenly" not in survey(folder, config=config, fps=30)[2]


@pytest.mark.moderate
def test_the_published_preset_says_which_films_keep_its_step(folder):
    config = PROJECT / "config/roseboom2019.yaml"
    make_video(folder / "d.mp4", rate=60, n_frames=48)
    said = survey(folder, config=config)[2]
    assert "1/30 s within 0.1 % is kept by d; not by a (0.04 s), b (0.04 s), c (0.04 s)" in said
    assert "tau_frames: 100 makes τ 3.33 to 4 s at these steps" in said
    assert "makes τ 8 to 8.33 s there): make run" in said
    for name in "abcd":
        (folder / f"{name}.mp4").unlink()
    make_video(folder / "e.mp4", rate=20)
    said = survey(folder, config=config)[2]
    assert "1 video, listed" in said
    assert "WARNING: steps are more than 20 % from 1/30 s in e (0.05 s)" in said


@pytest.mark.moderate
def test_rates_within_one_percent_do_not_clash(folder):
    make_video(folder / "d.mp4", rate="25.2")
    assert "duration" not in survey(folder)[1]


@pytest.mark.moderate
def test_users_config_counts(folder, tmp_path):
    make_video(folder / "slow.mp4", rate=12.5)
    config = tmp_path / "my.yaml"
    config.write_text("frames: {fps: 10, size: 64}\nnetwork: {model: vgg16, weights: untrained}\n")
    _, overlay, said = survey(folder, config=config)
    assert "duration" not in overlay and "frames" not in overlay
    assert "UNTRAINED network: vgg16" in said and "vgg16 at 64 pixels" in said


def survey_with(folder, weights, layers="[conv1]"):
    Path("my.yaml").write_text(f"network: {{model: alexnet, weights: {weights}, layers: {layers}}}")
    return survey(folder, config="my.yaml")[2]


@pytest.fixture
def conv1(tmp_path):
    """A file of weights up to AlexNet's first convolution."""
    state = {"weight": torch.ones(64, 3, 11, 11), "bias": torch.ones(64)}
    torch.save({f"module.features.0.{key}": state[key] for key in state}, tmp_path / "my.pth")
    return tmp_path / "my.pth"


@pytest.mark.moderate
def test_weights_that_can_be_had(folder, conv1):
    assert "UNTRAINED network: alexnet (network.weights: untrained)" in survey_with(
        folder, "untrained"
    )
    assert "trained network: alexnet with the weights of my.pth" in survey_with(folder, "my.pth")
    for weights in ("imagenet", "auto"):
        said = survey_with(folder, weights)
        assert "trained network: alexnet with ImageNet weights (https://" in said
        assert "UNTRAINED" not in said


@pytest.mark.moderate
def test_weights_that_cannot_be_had_stop_the_run_before_it_begins(folder, conv1, monkeypatch):
    with pytest.raises(UserError, match="my.pth: layer conv2 needs features.3.weight"):
        survey_with(folder, "my.pth", "[conv1, conv2]")
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: "<no route to host>\n")
    said = survey_with(folder, "auto")
    assert "WARNING: UNTRAINED network: alexnet" in said and "no route to host" in said
    with pytest.raises(UserError, match="imagenet.*no route to host") as error:
        survey_with(folder, "imagenet")
    assert "\n" not in str(error.value)
    # What the message advises: the file in its place, a file of one's own, untrained, auto.
    place = re.search(r"put that file at (\S+) by hand", str(error.value))[1]
    assert "set network.weights to a file of yours, to untrained, or to auto" in str(error.value)
    monkeypatch.undo()
    monkeypatch.chdir(conv1.parent)
    monkeypatch.setenv("TORCH_HOME", str(conv1.parent / "hub"))
    digits = hashlib.sha256(conv1.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(
        survey_weights, "weights_url", lambda model: f"https://x.invalid/w-{digits}.pth"
    )
    Path(place).parent.mkdir(parents=True)
    conv1.rename(Path(place).with_name(f"w-{digits}.pth"))
    assert f"with ImageNet weights ({Path(place).parent}/w-{digits}.pth)" in survey_with(
        folder, "imagenet"
    )


@pytest.mark.moderate
@pytest.mark.parametrize("asked", ["imagenet", "auto"])
def test_a_slow_server_is_no_reason_to_refuse_a_run(folder, monkeypatch, asked):
    def silent(url):
        raise TimeoutError("no answer within 5 s")

    monkeypatch.setattr(survey_weights, "why_unreachable", silent)
    said = survey_with(folder, asked)
    assert re.search("WARNING: alexnet with ImageNet weights, but .*no answer within 5 s", said)
    assert Path("results/my_films/run.yaml").exists()


@pytest.mark.moderate
def test_weights_are_looked_for_before_any_video_is_read(folder, monkeypatch):
    """Of some containers the survey decodes whole films for their times."""
    monkeypatch.setattr(survey_module, "find_videos", lambda folder: pytest.fail("read"))
    with pytest.raises(UserError, match="nowhere.pth is not a file"):
        survey_with(folder, "nowhere.pth")


@pytest.mark.moderate
def test_weights_that_an_earlier_run_has_fetched_need_no_server(folder, conv1, monkeypatch):
    survey_with(folder, "untrained")
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: "no route to host")
    for asked, source in (("imagenet", str(conv1)), ("auto", "untrained")):
        request = {"model": "alexnet", "layers": ["conv1"], "weights": asked}
        made = Path("results/my_films/weights", f"{weights_name(request, 0)}.pth")
        fetch_weights({**request, "weights": source}, 0, made, made.with_suffix(".json"))
        said = survey_with(folder, asked)
        if asked == "imagenet":
            assert f"  trained network: alexnet with the weights in {made}" in said
        else:
            again = "to try again set network.weights: imagenet"
            assert f"  UNTRAINED network: alexnet (network.weights: auto; {again})" in said


@pytest.mark.moderate
@pytest.mark.parametrize("name", ["videos", "Frames", "demo"])
def test_folder_named_like_one_of_ours(folder, name):
    folder = folder.rename(folder.parent / name)
    assert survey(folder)[0].overlay.parent == Path(f"results/{name}_set")


@pytest.mark.moderate
def test_two_folders_of_one_name(folder, tmp_path):
    other = tmp_path / "elsewhere/my films"
    other.mkdir(parents=True)
    make_video(other / "x.mp4")
    assert survey(folder)[0].overlay.parent == Path("results/my_films")
    assert survey(other)[0].overlay.parent == Path("results/my_films_2")
    assert survey(folder)[0].overlay.parent == Path("results/my_films")


@pytest.mark.moderate
@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("frames: {fpss: 3}", r"unknown key frames\.fpss.*did you mean fps"),
        ("network: {weights: missing.pth}", r"network\.weights: missing\.pth is not a file"),
        ("- a list", "not a config"),
        ("{", r"my\.yaml: cannot be read as a config: line 1"),
        ("# nothing yet\n", r"my\.yaml: holds no settings"),
        ("seed: 1\nseed: 2\n", r"my\.yaml, line 2: `seed` stands twice"),
    ],
)
def test_mistakes_in_the_config(folder, config, complaint):
    Path("my.yaml").write_text(config)
    with pytest.raises(UserError, match=complaint):
        survey(folder, config="my.yaml")


@pytest.mark.moderate
def test_mistakes_in_the_call(folder, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        survey(tmp_path / "nowhere")
    with pytest.raises(UserError, match="cannot be read as a config"):
        survey(folder, config="nowhere.yaml")
    with pytest.raises(UserError, match="FPS=0"):
        survey(folder, fps=0.0)
    for step in ("0", "-1/6", "1/0", "nan", "a sixth", "$(touch pwned)", "1e-9"):
        with pytest.raises(UserError, match=r"STEP=|frames\.step_s: 1e-09 is less than"):
            survey(folder, step=step)
    with pytest.raises(UserError, match="FPS and STEP are both set"):
        survey(folder, fps=10, step="1/6")
    (tmp_path / "none").mkdir()
    (tmp_path / "none/a.txt").touch()
    with pytest.raises(UserError, match="no usable video in it .a.txt"):
        survey(tmp_path / "none")


@pytest.mark.moderate
def test_adapter_prints_the_configs_path_alone(folder, monkeypatch, capsys):
    adapter = str(PROJECT / "scripts/survey_folder.py")
    monkeypatch.setattr(sys, "argv", [adapter, str(folder), "--fps", "10"])
    runpy.run_path(adapter)
    said = capsys.readouterr()
    assert said.out == "results/my_films/run.yaml\n" and "3 videos" in said.err
    monkeypatch.setattr(sys, "argv", [adapter, "nowhere"])
    with pytest.raises(SystemExit, match=r"error: .*/nowhere: no such folder"):
        runpy.run_path(adapter)
    assert capsys.readouterr().out == ""
