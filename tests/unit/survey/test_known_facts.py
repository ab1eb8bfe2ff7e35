"""What a second survey probes again, and what it knows."""

import shutil
from pathlib import Path

import pytest
import yaml

from chronovision.survey import known_facts
from chronovision.survey import weights as survey_weights
from chronovision.survey.survey import survey_folder
from support.clips import make_clip
from support.paths import PROJECT
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

KEPT = Path("out/probed.json")


@pytest.fixture
def films(tmp_path, monkeypatch):
    """A folder of two films, and a text that looks like one; the user's config."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(survey_weights, "why_unreachable", lambda url: None)
    folder = tmp_path / "films"
    folder.mkdir()
    make_clip(folder / "a.avi", "testsrc2=s=64x48:r=25:d=0.8", "-c:v", "mpeg4", "-bf", "2")
    make_clip(folder / "b.mp4", "testsrc2=s=64x48:r=25:d=0.8")
    (folder / "text.mkv").write_text("no video")
    Path("my.yaml").write_text(yaml.safe_dump({"pathvars": {"results": "out"}}))
    return folder


@pytest.fixture
def probed(films, monkeypatch):
    """A function that surveys the folder: names of the probed files, and what is said."""

    def survey():
        names, probe = [], known_facts.probe

        def counted(path, stream=None):
            names.append(Path(path).name if stream is None else f"{Path(path).name}:{stream}")
            return probe(path, stream)

        with monkeypatch.context() as patched:
            patched.setattr(known_facts, "probe", counted)
            found = survey_folder(films, project=PROJECT, config="my.yaml")
        return names, found.summary

    return survey


def test_only_what_has_changed_is_probed_again(films, probed):
    names, said = probed()
    assert names == ["a.avi", "b.mp4", "text.mkv"]
    again = probed()
    assert again[0] == ["text.mkv"], "why a file is left out is asked each time"
    assert again[1][:3] == said[:3]
    make_clip(films / "b.mp4", "testsrc2=s=64x48:r=25:d=1.6")
    shutil.copy(films / "a.avi", films / "c.avi")
    names, said = probed()
    assert names == ["b.mp4", "c.avi", "text.mkv"]
    assert "80 frames" in said[2]
    (films / "c.avi").unlink()
    assert probed()[0] == ["text.mkv"] and "c.avi" not in KEPT.read_text()


def test_a_stream_of_the_table_is_known_by_its_number(films, probed):
    probed()
    table = f"video\tpath\tstream\na\t{films}/a.avi\tn/a\nb\t{films}/b.mp4\t0\n"
    Path("out/videos.tsv").write_text(table)
    assert probed()[0] == ["text.mkv", "b.mp4:0"]
    assert probed()[0] == ["text.mkv"]


@pytest.mark.parametrize("other", slow_after(1, ["code", "ffmpeg", "damaged", "deleted"]))
def test_other_code_and_a_damaged_record_ask_for_all(films, probed, monkeypatch, other):
    probed()
    match other:
        case "code":
            monkeypatch.setattr(known_facts, "code_digest", lambda path: "other")
        case "ffmpeg":
            tools = known_facts.find_tools()._replace(version="99")
            monkeypatch.setattr(known_facts, "find_tools", lambda: tools)
        case "damaged":
            KEPT.write_text("[" + KEPT.read_text())
        case "deleted":
            KEPT.unlink()
    assert probed()[0] == ["a.avi", "b.mp4", "text.mkv"]
    assert probed()[0] == ["text.mkv"]
