"""Names that shells, make, browsers and spreadsheets take for more than names.

Nothing in them is run, and nothing is written outside the results folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import yaml
from torchvision.models import alexnet

from chronovision.core.files import read_json
from chronovision.core.results import Results
from chronovision.core.tables import read_table
from chronovision.videos.table import read_videos
from support.paths import PROJECT
from support.pipeline import (
    TINY,
    files,
    merged,
    plan,
    snakemake,
    weights_in,
    write_config,
    write_videos,
)
from support.tiers import slow_after

#: Leading dash, quotes, substitutions, separators, wildcards, formats; letters that combine, run
#: from right to left or are put together from several; a path of over 300 characters.
FOLDER = (
    "-films of \"me\" 'x' $(touch pwned) `touch pwned`;&|*?[x]%s~!\\ #1/"
    f"e\u0301 مرحبا 👩\u200d👩\u200d👧 {'x' * 150}"
)
NAMES = {
    "cuts": f"-rf $(touch pwned) `touch pwned` ;&|*%#'\"\\ =1+1 {'y' * 180}.mp4",
    "zoom": f"{'視' * 60}{'x' * 40}.webm",
}
RESULTS = "out 'put' \"$(touch pwned)\"; `touch pwned` & %s * #1"
SCENES = {"cuts": "<script>alert(1)</script>", "zoom": '"><img src=x onerror=alert(1)>'}
GROUPS = {"cuts": r"$\frac{$ _x_ 'q' \"\"", "zoom": "<b>$(touch pwned)</b>"}
WEIGHTS = "w $(touch pwned); 'x'.pth"

#: What libraries keep in the user's home, each in its own folder for that.
CACHES = (".cache/matplotlib/", ".cache/snakemake/")


def contents(*folders: Path) -> dict[str, str]:
    """Path -> hash of the file, target of the link, or `folder`."""

    def state(path: Path) -> str:
        if path.is_symlink():
            return os.readlink(path)
        return "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()

    return {str(path): state(path) for folder in folders for path in sorted(folder.rglob("*"))}


class World:
    """A user's home, a folder for temporary files and a working folder, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.tmp = folder / "home", folder / "tmp"
        self.here = folder / "run 'it' $(touch pwned) #1; 映画"
        for one in (self.home, self.tmp, self.here):
            one.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """Where caches go is left to the libraries, whatever the tests' own environment says."""
        caches = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "TORCH_HOME")
        return {"HOME": str(self.home), "TMPDIR": str(self.tmp)} | dict.fromkeys(caches, "")

    def assert_kept(self, before: dict[str, str], results: Path) -> None:
        """All is as before, but for the results folder, Snakemake's own and the caches."""
        after = contents(self.folder)
        ours = (str(results), str(self.here / ".snakemake"))
        inside = {
            path for path in after if path in ours or path.startswith(tuple(f"{o}/" for o in ours))
        }
        assert {path: after.get(path) for path in before} == before
        new = [Path(path) for path in set(after) - set(before) - inside]
        new = [path for path in new if not path.is_dir()]
        home = [str(path.relative_to(self.home)) for path in new if self.home in path.parents]
        assert all(name.startswith(CACHES) for name in home), home
        assert len(new) == len(home), new
        assert not [path for path in after if Path(path).name.startswith("pwned")]


@pytest.fixture(scope="module")
def hostile(videos, project, tmp_path_factory):
    """A finished run on a set whose every name is hostile, and what was there before it."""
    world = World(tmp_path_factory.mktemp("world"))
    folder = world.here / FOLDER
    folder.mkdir(parents=True)
    paths = {video: folder / name for video, name in NAMES.items()}
    for video, path in paths.items():
        shutil.copy(videos[video], path)
    assert all(len(str(path)) > 300 for path in paths.values())
    relative = {video: path.relative_to(world.here) for video, path in paths.items()}
    write_videos(world.here, relative, "the $(touch pwned) table.tsv", scene=SCENES, group=GROUPS)
    torch.manual_seed(0)
    state = {f"features.{name}": value for name, value in alexnet().features.state_dict().items()}
    torch.save(state, world.home / WEIGHTS)
    overlay = {
        "videos": "the $(touch pwned) table.tsv",
        "network": {"weights": f"~/{WEIGHTS}"},
        "thresholds": {"kinds": ["static"]},
        "pathvars": {"results": RESULTS},
    }
    config = write_config(world.here, overlay, "my $(touch pwned); config.yaml")
    before = contents(world.folder)
    run = snakemake(
        world.here, config, project=project, cwd=world.tmp, environment=world.environment
    )
    return world, before, run.succeeded()


@pytest.mark.slow
def test_nothing_is_written_elsewhere_and_nothing_is_run(hostile, project):
    world, before, _ = hostile
    world.assert_kept(before, world.here / RESULTS)
    assert not [name for name in files(project) if Path(name).name.startswith("pwned")]


@pytest.mark.slow
def test_all_outputs_are_there(hostile):
    world, _, run = hostile
    results = world.here / RESULTS
    made = files(results)
    assert {"report/index.html", "report/cuts.html", "clips/correlation.static.tsv"} <= made
    assert not [name for name in made if name.endswith(".part")]
    for log in (results / "logs").rglob("*.log"):
        assert "error:" not in log.read_text(encoding="utf-8"), log
    for video, name in NAMES.items():
        path = read_json(Results(results).video_facts(video=video))["path"]
        assert world.here / path == world.here / FOLDER / name
    weights = Results(results).weights_facts(weights=weights_in(results))
    assert read_json(weights)["origin"] == str(world.home / WEIGHTS)


@pytest.mark.slow
def test_groups_come_back_from_the_tables(hostile):
    world, _, _ = hostile
    table = read_table(Results(world.here / RESULTS).clips(variant="correlation.static"))
    assert dict(zip(table["video"], table["group"], strict=True)) == GROUPS


class Tags(HTMLParser):
    """Names of a page's elements and of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.mark.slow
def test_names_are_text_in_the_report(hostile):
    world, _, _ = hostile
    report = world.here / RESULTS / "report"
    for page in report.glob("*.html"):
        found = Tags(page.read_text(encoding="utf-8"))
        assert not {"script", "b", "iframe", "object"} & found.tags
        assert not [name for name in found.attributes if name.startswith("on")]
        if page.stem == "index":
            wanted = {*SCENES.values(), *GROUPS.values(), str(world.home / WEIGHTS)}
        else:
            wanted = {f"{FOLDER}/{NAMES[page.stem]}"}
        assert all(words in found.text for words in wanted)


@pytest.mark.slow
def test_a_second_run_finds_all_done(hostile, project):
    """Snakemake finds its records of files of any name again."""
    world, _, _ = hostile
    config = world.here / "my $(touch pwned); config.yaml"
    again = plan(world.here, config, project=project, environment=world.environment).succeeded()
    assert "Nothing to be done" in again.text


# make run


@pytest.mark.slow
def test_a_folder_of_such_files_can_be_surveyed(videos, project, tmp_path):
    world = World(tmp_path)
    folder = world.folder / FOLDER
    folder.mkdir(parents=True)
    for video, name in NAMES.items():
        shutil.copy(videos[video], folder / name)
    bad = ["caf\udce9.mp4", "a\nb.mp4", "a\x1b[2Jb.mp4", "{config}.mp4", "<results>.mp4"]
    for name in bad:
        shutil.copy(videos["cuts"], folder / name)
    config = world.here / "$(touch pwned).yaml"
    settings = merged({key: TINY[key] for key in ("frames", "network")}, {"frames": {"fps": 12}})
    config.write_text(yaml.safe_dump(settings))
    before = contents(world.folder)
    command = [sys.executable, project / "scripts/survey_folder.py"]
    command += [f"--config={config}", "--", str(folder)]
    where = {"cwd": world.here, "env": {**os.environ, **world.environment}}
    done = subprocess.run(command, capture_output=True, **where)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert said.count("left out: ") == len(bad) and "\x1b[2J" not in said
    overlay = world.here / done.stdout.decode().strip()
    listed = read_videos(overlay.parent / "videos.tsv")
    assert {video.path for video in listed.values()} == {
        str(folder / name) for name in NAMES.values()
    }
    configs = [config, overlay]
    run = plan(world.here, None, "--configfile", *configs, project=project)
    assert run.succeeded().jobs["probe_video"] == len(NAMES)
    world.assert_kept(before, world.here / "results")
    table = overlay.parent / "videos.tsv"
    table.write_text(table.read_text(encoding="utf-8"), encoding="utf-16")
    again = subprocess.run(command, capture_output=True, encoding="utf-8", **where)
    assert again.returncode == 0 and "has been edited and is used as it is" in again.stderr


@pytest.fixture
def told(tmp_path):
    """What make tells the programs of an environment that stands: a list of words for each.

    Called with make's own words and with variables of the environment.
    """
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    (tmp_path / ".venv/.ready").touch()
    for name in ("python", "snakemake"):
        script = f'#!/bin/sh\nprintf "%s\\n" "$@" > {name}.words\necho results/x/run.yaml\n'
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)

    def make(*words: str, **variables: str) -> dict[str, list[str]]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        subprocess.run(["make", *words], cwd=tmp_path, env={**kept, **variables}, check=True)
        return {path.stem: path.read_text().splitlines() for path in tmp_path.glob("*.words")}

    return make


def test_make_takes_names_as_they_were_typed(told, tmp_path):
    """Make would take $ for its own syntax; $(shell …) in a folder's name would be run."""
    videos, config = (
        "-fi $(shell touch pwned) `touch pwned` $HOME \"q\" 'x'  $$",
        "c $(shell x).yaml",
    )
    words = [f"VIDEOS={videos}", f"CONFIG={config}", "FPS=$(shell touch pwned)"]
    words.append("STEP=1/$(shell touch pwned)`x`")
    found = told("run", *words)
    typed = ["--fps=$(shell touch pwned)", "--step=1/$(shell touch pwned)`x`"]
    assert found["python"][1:] == [*typed, f"--config={config}", "--", videos]
    assert config in found["snakemake"]
    assert not (tmp_path / "pwned").exists()


def test_make_takes_nothing_from_left_over_variables(told):
    """`export DELETE=yes` of another day is no consent, and many programs export CONFIG."""
    left = {"REPLACE": "yes", "DELETE": "yes", "CONFIG": "Release", "FPS": "1", "SEED": "1"}
    assert told("run", "VIDEOS=films", **left) == {
        "python": ["scripts/survey_folder.py", "--", "films"],
        "snakemake": ["--cores", "all", "--configfile", "results/x/run.yaml"],
    }
    for goal, script in (("leftovers", "list_leftovers"), ("verify", "verify_results")):
        assert told(goal, "RESULTS=x", **left)["python"] == [f"scripts/{script}.py", "--", "x"]
    asked = told("leftovers", "RESULTS=x", "DELETE=yes", **left)["python"]
    assert asked == ["scripts/list_leftovers.py", "--delete=yes", "--", "x"]
    for goal in ("run", "leftovers"):
        with pytest.raises(subprocess.CalledProcessError):
            told(goal, VIDEOS="films", RESULTS="x")


def test_a_home_folder_that_the_shell_left_is_written_out(told, tmp_path):
    """dash and zsh expand no ~ behind a =; a config goes to the survey and to Snakemake."""
    found = told("run", "VIDEOS=~/films", "CONFIG=~/my own.yaml", HOME="/a home")
    assert "--config=/a home/my own.yaml" in found["python"]
    assert "/a home/my own.yaml" in found["snakemake"]
    for script in ("list_leftovers", "verify_results"):
        done = subprocess.run(
            [sys.executable, PROJECT / f"scripts/{script}.py", "--", "~/no results"],
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.stderr.startswith(f"error: {tmp_path}/no results: no such folder")


# Configs and tables as files


@pytest.mark.parametrize(
    ("text", "said"),
    slow_after(
        1,
        [
            ("seed: 0x" + "f" * 5000, "config: seed is too large; a finite number is needed"),
            ("network: {layers: &a [*a]}", "config: network.layers.0.0.0"),
            (
                "thresholds: {dynamic: {tau_s: 1e-3}}",
                "YAML reads it as text: with a dot and a sign",
            ),
            ("pathvars: {results: " + "x" * 300 + "}", "config: pathvars.results: 'xxx"),
        ],
    ),
)
def test_configs(tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(f"videos: videos.tsv\n{text}\n")
    refuse(tmp_path, "a\ta.mp4\t\n", said)


def test_a_table(tmp_path):
    (tmp_path / "config.yaml").write_text("videos: videos.tsv\n")
    refuse(tmp_path, f"a\t{'x' * 300}.mp4\t\n", "videos.tsv, line 2: the path '")


def refuse(folder, rows, said) -> None:
    (folder / "videos.tsv").write_text(f"video\tpath\tgroup\n{rows}")
    run = plan(folder, folder / "config.yaml")
    assert run.code != 0
    (line,) = [line for line in run.text.splitlines() if said in line]
    assert len(line) < 1500 and line.isprintable()
    assert "Traceback" not in run.text and files(folder) <= {"config.yaml", "videos.tsv"}
