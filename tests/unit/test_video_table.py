"""The table of videos: what is read, what is refused, and how it is said."""

import pytest

from chronovision.errors import UserError
from chronovision.video_table import find_table, read_videos


def table(tmp_path, text):
    path = tmp_path / "videos.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_full_row(tmp_path):
    path = table(
        tmp_path,
        "video\tpath\tgroup\tscene\tstart_s\tend_s\tstream\n"
        "a.1\tfilms/a film.mp4\tone\tcity\t1.5\t3\t2\nb\t/x/b.mkv\tn/a\t\t\t\t\n\n",
    )
    videos = read_videos(path)
    assert videos["a.1"].path == str(tmp_path / "films" / "a film.mp4")
    assert (videos["a.1"].group, videos["a.1"].scene, videos["a.1"].stream) == ("one", "city", 2)
    assert videos["a.1"].span == (1.5, 3.0)
    assert (videos["b"].group, videos["b"].span, videos["b"].stream) == ("b", (None, None), None)


def test_short_rows_and_byte_order_mark(tmp_path):
    path = table(tmp_path, "\ufeffvideo\tpath\tscene\na\ta.mp4\n")
    assert read_videos(path)["a"].scene is None


@pytest.mark.parametrize(
    "name",
    ["it's.mp4", 'say "hi".mp4', "a*b?.mp4", "$(rm).mp4", "ünï–視.mp4", "a;b&c|d.mp4", "%d.mp4"],
)
def test_every_other_character_in_a_path_is_kept(tmp_path, name):
    assert read_videos(table(tmp_path, f"video\tpath\na\t{name}\n"))["a"].path.endswith(f"/{name}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column `video`"),
        ("video,path\na,a.mp4\n", "tab-separated"),
        ("video\tpath\tgruop\na\ta.mp4\tx\n", "unknown column `gruop`: did you mean group"),
        ("video\tpath\tpath\na\ta.mp4\tb\n", "stands twice in its first line"),
        ("video\tpath\n", "names no video"),
        ("video\tpath\n../x\ta.mp4\n", "line 2: '../x' cannot be a video id"),
        ("video\tpath\na b\ta.mp4\n", "'a b' cannot be a video id"),
        ("video\tpath\nindex\ta.mp4\n", "not index or set"),
        ("video\tpath\na\ta.mp4\nA\tb.mp4\n", "line 3: the id 'A' stands twice"),
        ("video\tpath\na\t\n", "line 2: no path"),
        ("video\tpath\na\ta{b}.mp4\n", "braces"),
        ("video\tpath\na\t<results>.mp4\n", "Snakemake cannot carry"),
        ("video\tpath\na\ta\x07.mp4\n", "control characters"),
        ("video\tpath\na\ta.mp4\tx\n", "3 cells under 2 columns"),
        ("video\tpath\tstart_s\na\ta.mp4\tnan\n", "start_s = 'nan' is not a time"),
        ("video\tpath\tstart_s\na\ta.mp4\t-1\n", "start_s = '-1' is not a time"),
        ("video\tpath\tend_s\na\ta.mp4\t1e999\n", "end_s = '1e999' is not a time"),
        ("video\tpath\tstart_s\tend_s\na\ta.mp4\t3\t2\n", "end_s = 2.0 is not after start_s = 3.0"),
        ("video\tpath\tstream\na\ta.mp4\t1.5\n", "stream = '1.5' is not a stream index"),
    ],
)
def test_refused_in_one_clear_line(tmp_path, text, said):
    with pytest.raises(UserError) as caught:
        read_videos(table(tmp_path, text))
    assert said in str(caught.value)
    assert "videos.tsv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Index", "SET"])
def test_reserved_names_in_any_case(tmp_path, name):
    with pytest.raises(UserError, match="cannot be a video id"):
        read_videos(table(tmp_path, f"video\tpath\n{name}\ta.mp4\n"))


def test_separators_within_a_line_and_unknown_users_are_part_of_the_name(tmp_path):
    path = table(tmp_path, "video\tpath\r\na\tx\u2028y.mp4\r\nb\t~nobody.mp4\r\n")
    found = read_videos(path)
    assert found["a"].path.endswith("x\u2028y.mp4") and found["b"].path.endswith("/~nobody.mp4")


def test_not_text(tmp_path):
    path = tmp_path / "videos.tsv"
    path.write_bytes(b"\xff\xfe\x00video")
    with pytest.raises(UserError, match="cannot be read as a table"):
        read_videos(path)


def test_relative_table_counts_from_the_working_directory_then_the_project(tmp_path, monkeypatch):
    project, here = tmp_path / "project", tmp_path / "here"
    project.mkdir()
    here.mkdir()
    (project / "videos.tsv").touch()
    monkeypatch.chdir(here)
    assert find_table("videos.tsv", project) == project / "videos.tsv"
    (here / "videos.tsv").touch()
    assert find_table("videos.tsv", project).resolve() == here / "videos.tsv"
    with pytest.raises(UserError, match="no such table"):
        find_table("other.tsv", project)
