"""A folder for `make run` with files of any name."""

import os
from pathlib import Path

import pytest

from chronovision.errors import UserError
from chronovision.survey.folder import find_videos
from chronovision.survey.survey import survey_folder
from support.clips import make_clip
from support.hostile import in_one_line
from support.paths import PROJECT


@pytest.mark.moderate
def test_files_of_any_name_are_found_or_left_out(tmp_path):
    """File names are bytes: some are no text, some would rewrite the terminal."""
    clip = make_clip(tmp_path / "clip.mp4", "testsrc2=s=32x32:r=12:d=1").read_bytes()
    folder = tmp_path / "films"
    folder.mkdir()
    good = [
        "-rf.mp4",
        "$(touch pwned).mp4",
        "`x`;&|*%#'\".mp4",
        "e\u0301 \u202egpj.mp4",
        "👩‍👩‍👧.mp4",
    ]
    good.append("x" * 240 + ".mp4")
    bad = ["caf\udce9.mp4", "a\nb.mp4", "a\x1b[2Jb.mp4", "a\u2028b.mp4", "{x}.mp4", "<x>.mp4"]
    for name in good + bad:
        (folder / name).write_bytes(clip)
    (folder / "n\x1b[2Jotes.txt").touch()
    (folder / "s\x1b[2Jub").mkdir()
    (folder / "text\x1bless.txt\n").touch()
    os.mkfifo(folder / "pipe.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    facts, skipped = find_videos(folder)
    assert {Path(path).name for path in facts} == {*good}
    assert len(skipped) == len(bad) + 5
    assert all(f"{name}{reason}".isprintable() for name, reason in skipped.items())
    assert not (tmp_path / "pwned").exists() and not Path("pwned").exists()


@pytest.mark.parametrize(
    "text",
    ["seed: 2024-99-99", "a: !!bool x", "a: !!int x", "seed: " + "9" * 5000, "[" * 5000, "a: \x00"],
)
def test_configs_that_yaml_itself_stumbles_over(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(UserError, match="cannot be read as a config") as error:
        survey_folder(tmp_path, project=PROJECT, config=tmp_path / "my.yaml")
    in_one_line(error)


def test_folders_under_impossible_names():
    for name in ("x" * 300, "y/" * 3000):
        with pytest.raises(UserError, match="no such folder") as error:
            survey_folder(name, project=PROJECT)
        in_one_line(error)
