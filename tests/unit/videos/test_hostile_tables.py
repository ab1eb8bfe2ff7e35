"""Tables of videos as an attacker or a tired student would write them."""

import math
import os
import re
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from snakemake.io import PeriodicityDetector

from chronovision.core.paths import UNCARRIABLE
from chronovision.errors import UserError
from chronovision.survey.folder import name_videos
from chronovision.videos.fingerprint import sampled_hash
from chronovision.videos.table import FORMULA, PERIODIC, VIDEO_ID, find_table, read_videos
from support.hostile import NASTY, in_one_line

SHORT = [text for text in NASTY if len(text) <= 300]


cells = st.one_of(st.sampled_from(SHORT), st.text(max_size=12), st.sampled_from(["a.mp4", "0", ""]))
columns = st.lists(
    st.one_of(st.sampled_from(["group", "scene", "start_s", "end_s", "stream"]), cells), max_size=5
)


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@st.composite
def tables(draw) -> bytes:
    """A table with good and with hostile cells, in any encoding and with any line ends."""
    header = ["video", "path", *draw(columns)]
    rows = draw(st.lists(st.lists(cells, max_size=7), max_size=4))
    numbered = [[f"v{n}", *row[1:]] if draw(st.booleans()) else row for n, row in enumerate(rows)]
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\r\n"]))
    text = draw(st.sampled_from(["", "\ufeff"])) + end.join(map("\t".join, [header, *numbered]))
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16"])), "ignore")


def assert_read_or_refused(path: Path) -> None:
    try:
        videos = read_videos(path)
    except UserError as error:
        assert in_one_line(error).startswith(str(path))
        return
    assert len({name.casefold() for name in videos}) == len(videos) > 0
    for name, video in videos.items():
        assert name == video.video and VIDEO_ID.fullmatch(name)
        assert os.path.isabs(video.path) and not UNCARRIABLE.search(video.path)
        assert video.group and not video.group.startswith(FORMULA) and len(video.group) <= 100
        for label in (video.group, video.scene or ""):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", label) and len(label.splitlines()) < 2
        for seconds in video.span:
            assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
        assert video.stream is None or 0 <= video.stream < 10**6


@given(tables())
@example(b"video\tpath\na\t~\x00\n")
@example(b"video\tpath\tstream\na\ta.mp4\t" + b"9" * 5000)
@example(b"video\tpath\na\t" + b"x" * 200_000)
@example(b"video\tpath\na\t" + b"x" * 256)
@example(b"video\tpath\na\t" + b"x/" * 3000)
@example("video\tpath\n".encode("utf-16"))
@settings(max_examples=300, deadline=None)
def test_a_table_is_read_or_refused_in_one_line(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "hostile.tsv"
    path.write_bytes(table)
    assert_read_or_refused(path)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(as_bytes)))
@settings(max_examples=100, deadline=None)
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    path.write_bytes(content)
    assert_read_or_refused(path)


def read_group(folder, group):
    (folder / "videos.tsv").write_text(f"video\tpath\tgroup\na\ta.mp4\t{group}\n", encoding="utf-8")
    return read_videos(folder / "videos.tsv")["a"].group


@pytest.mark.parametrize("group", ["=1", "+1", "-", "@x", '=HYPERLINK("http://x")', "＝1", "－2+3"])
def test_groups_that_spreadsheets_would_run(tmp_path, group):
    with pytest.raises(UserError, match="line 2: group = .* begins like a formula") as error:
        read_group(tmp_path, group)
    in_one_line(error)


@pytest.mark.parametrize("group", ["a=b", "1-2", "'=1", "é", "視 👩‍👩‍👧", "$x$ _y_", 'x "q"', "na"])
def test_other_groups_are_kept_as_they_are(tmp_path, group):
    assert read_group(tmp_path, group) == group


@pytest.mark.parametrize(
    ("group", "said"),
    [("x" * 101, "longer than 100"), ("a\x1b[2Jb", "control"), ("a\u2028b", "control")],
)
def test_groups_that_nobody_can_read(tmp_path, group, said):
    with pytest.raises(UserError, match=said) as error:
        read_group(tmp_path, group)
    in_one_line(error)


def test_a_film_in_place_of_the_table_is_not_read(tmp_path):
    with (tmp_path / "film.mp4").open("wb") as film:
        film.truncate(2**40)
    with pytest.raises(UserError, match="cannot be read as a table .it has over"):
        read_videos(tmp_path / "film.mp4")


@pytest.mark.parametrize("video", ["x" * 20, "a" + "01" * 20, "take-" + "abcd" * 20])
def test_ids_that_snakemake_takes_for_endless_rules(tmp_path, video):
    assert PeriodicityDetector().is_periodic(video)
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n{video}\ta.mp4\n")
    with pytest.raises(UserError, match="ends in something repeated 20 times or more") as error:
        read_videos(tmp_path / "videos.tsv")
    in_one_line(error)
    (name,) = name_videos([f"/films/{video}.mp4"], {}).values()
    assert PeriodicityDetector().is_periodic(name) is None


@given(st.from_regex(r"[A-Za-z0-9](01|a|-x){0,45}", fullmatch=True).filter(lambda x: len(x) < 100))
@settings(max_examples=200, deadline=None)
def test_ids_that_are_taken_can_be_planned_with(video):
    assert bool(PERIODIC.search(video)) == (PeriodicityDetector().is_periodic(video) is not None)


def test_a_pipe_in_place_of_a_video_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    found = []
    looking = Thread(target=lambda: found.append(sampled_hash(tmp_path / "a.mp4")), daemon=True)
    looking.start()
    looking.join(10)
    assert found == [None]


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "a\x00b", "\ud800", "a\nb.tsv"])
def test_tables_under_impossible_names(tmp_path, name):
    with pytest.raises(UserError, match="no such table") as error:
        find_table(name, tmp_path)
    in_one_line(error)


@pytest.mark.moderate
def test_long_tables_are_read_in_moments(tmp_path):
    rows = "".join(f"v{n}\tv{n}.mp4\n" for n in range(20_000))
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n{rows}")
    assert len(read_videos(tmp_path / "videos.tsv")) == 20_000
