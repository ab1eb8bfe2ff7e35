"""Where the results go."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chronovision.core.files import write_json
from chronovision.errors import UserError
from chronovision.jobs import locks
from chronovision.survey import folder as video_folder
from support.paths import PROJECT
from support.surveyed import UNTRAINED, contents, extract, survey
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

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


@pytest.mark.parametrize("moved", slow_after(1, ["movies", "new place/films"]))
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
