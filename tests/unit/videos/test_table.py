"""The table of videos: what is read, what is refused, and how it is said."""

import re

import pandas as pd
import pytest

from chronovision.errors import UserError
from chronovision.videos.table import find_table, read_videos
from support.paths import PROJECT


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
        ("video, path\na, a.mp4\n", "apart by commas, not by tabs: write it anew. pandas: "),
        ('"";"video";"path"\n"1";"a";"a.mp4"\n', "apart by semicolons, not by tabs"),
        ('"video" "path"\n"1" "a" "a.mp4"\n', "apart by spaces, not by tabs"),
        ("film;file\na;a.mp4\n", "no column `video` in its first line; it must be tab-separated"),
        ("\tvideo\tpath\n0\ta\ta.mp4\n", "its first column, named '', is an index of rows"),
        ('""\t"video"\t"path"\n"1"\t"a"\t"a.mp4"\n', "its first column, named '', is an"),
        *(
            (f"{name}\tvideo\tpath\n0\ta\ta.mp4\n", f"named {name!r}, is an index of rows")
            for name in ("Unnamed: 0", "index", "X", "...1", "rownames", "rowname", "row.names")
        ),
        (
            '"video"\t"path"\n"1"\t"a"\t"a.mp4"\n"2"\t"b"\t""\n',
            "3 cells under 2 columns in each line: the first ones are names of rows, which R",
        ),
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
        ("video\tpath\na\ta.mp4\tx\nb\tb.mp4\n", "line 2: 3 cells under 2 columns"),
        ("video\tpath\na\tNA\n", "line 2: no path"),
        ("video\tpath\nNA\ta.mp4\n", "line 2: no video"),
        ('video\tpath\tscene\na\ta.mp4\t"x\ny"\n', "scene = 'x\\ny' holds control characters"),
        ('video\tpath\n"a\n"\ta.mp4\n\nb c\tb.mp4\n', "line 5: 'b c' cannot be a video id"),
        ("video\tpath\tstart_s\na\ta.mp4\t1,5\n", "'1,5' has a decimal comma: write a point"),
        ("video\tpath\tend_s\na\ta.mp4\t1.500,25\n", "'1.500,25' has a decimal comma"),
        ("video\tpath\tstart_s\na\ta.mp4\t-1,5\n", "'-1,5' has a decimal comma"),
        ("video\tpath\tend_s\na\ta.mp4\t1,5e2\n", "'1,5e2' has a decimal comma"),
        ("video\tpath\tstream\na\ta.mp4\t1,0\n", "stream = '1,0' has a decimal comma"),
        ("video\tpath\tstart_s\na\ta.mp4\tinf\n", "start_s = 'inf' is not a time"),
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


@pytest.mark.parametrize("missing", ["", "n/a", "NA", "NaN", "nan", "<NA>", '""', '"NA"'])
def test_missing_values(tmp_path, missing):
    columns = ["group", "scene", "start_s", "end_s", "stream"]
    row = "\t".join(["a", "a.mp4", *[missing] * len(columns)])
    found = read_videos(table(tmp_path, "\t".join(["video", "path", *columns]) + f"\n{row}\n"))
    assert (found["a"].group, found["a"].scene) == ("a", None)
    assert (found["a"].span, found["a"].stream) == ((None, None), None)


#: As written -> as read. R puts a backslash before quotation marks, others double them.
IN_QUOTES = {
    '"a b.mp4"': "a b.mp4",
    '"""q"" it\'s.mp4"': '"q" it\'s.mp4',
    r'"say \"hi\".mp4"': 'say "hi".mp4',
    r'"a\b.mp4"': r"a\b.mp4",
    '" a.mp4 "': "a.mp4",
    '"q".mp4': '"q".mp4',
    '"unclosed.mp4': '"unclosed.mp4',
    'it\'s "q".mp4': 'it\'s "q".mp4',
    'half"': 'half"',
    r'"ends with \"': r'"ends with \"',
}


@pytest.mark.parametrize("written", IN_QUOTES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_in_quotation_marks(tmp_path, written, end):
    """Whatever stands in the next line; a mark at one end alone is part of a name."""
    lines = [
        '"video"\tpath\t"scene"',
        f'"a"\t{written}\t"x"',
        f'b\t{written}\t"y',
        'c\t"c.mp4"',
        "",
    ]
    path = tmp_path / "videos.tsv"
    path.write_bytes(end.join(lines).encode())
    found = read_videos(path)
    assert found["a"].path == found["b"].path == str(tmp_path / IN_QUOTES[written])
    assert [video.scene for video in found.values()] == ["x", '"y', None]
    assert found["c"].path == str(tmp_path / "c.mp4")


FRAME = pd.DataFrame(
    {
        "video": ["a", "b", "c"],
        "path": ["a b.mp4", 'say "hi".mp4', "tab'.mp4"],
        "group": ["ü", None, '"q" x'],
        "start_s": [1.5, None, 2],
        "stream": [1, None, 0],
    }
)


@pytest.mark.parametrize("quoting", range(4))
@pytest.mark.parametrize("missing", ["", "NA"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_that_pandas_writes(tmp_path, quoting, missing, encoding):
    """With all of its ways to quote, from the least to none, and as Excel encodes them."""
    options = {"sep": "\t", "na_rep": missing, "encoding": encoding, "quoting": quoting}
    options |= {"quotechar": "\x00"} if quoting == 3 else {}
    FRAME.to_csv(tmp_path / "videos.tsv", index=False, **options)
    found = read_videos(tmp_path / "videos.tsv")
    assert [video.path for video in found.values()] == [f"{tmp_path}/{p}" for p in FRAME["path"]]
    assert [video.group for video in found.values()] == ["ü", "b", '"q" x']
    assert [video.span[0] for video in found.values()] == [1.5, None, 2]
    assert [video.stream for video in found.values()] == [1, None, 0]


@pytest.mark.parametrize(
    "options", [{"sep": "\t"}, {"index": False}, {"sep": ";", "decimal": ",", "index": False}]
)
def test_what_messages_say_of_pandas_helps(tmp_path, options):
    """The call in the message, with the frame and the path filled in."""
    path = tmp_path / "videos.tsv"
    FRAME.to_csv(path, **options)
    with pytest.raises(UserError) as caught:
        read_videos(path)
    (call,) = re.findall(r"pandas: (to_csv\(.*?\));", str(caught.value))
    eval(f"frame.{call}", {"frame": FRAME, "path": path})
    assert len(read_videos(path)) == 3


def test_commands_that_convert_other_tables(tmp_path, monkeypatch):
    """Those of docs/how-to.md: the table is then as if pandas had written it with tabs."""
    monkeypatch.chdir(tmp_path)
    text = (PROJECT / "docs/how-to.md").read_text(encoding="utf-8")
    commands = re.findall(r'^\.venv/bin/python -c "(import pandas; .*)"$', text, re.MULTILINE)
    for command, options in zip(commands, ({}, {"sep": ";", "decimal": ","}), strict=True):
        FRAME.to_csv("my.csv", index=False, **options)
        exec(command, {})
        found = read_videos("my_videos.tsv")
        assert [video.path for video in found.values()] == [
            str(tmp_path / p) for p in FRAME["path"]
        ]
        assert [video.span[0] for video in found.values()] == [1.5, None, 2]


def test_tabs_at_the_end_of_lines(tmp_path):
    """Spreadsheets write them for columns that once held something."""
    path = table(tmp_path, "video\tpath\t\t\na\ta.mp4\t\t\nb\tb.mp4\t \t\n")
    assert list(read_videos(path)) == ["a", "b"]
    path = table(tmp_path, "video\tpath\na\ta.mp4\nb\tb.mp4\t\t\n")
    assert list(read_videos(path)) == ["a", "b"]


@pytest.mark.parametrize("name", ["Index", "SET"])
def test_reserved_names_in_any_case(tmp_path, name):
    with pytest.raises(UserError, match="cannot be a video id"):
        read_videos(table(tmp_path, f"video\tpath\n{name}\ta.mp4\n"))


def test_separators_within_a_line_and_unknown_users_are_part_of_the_name(tmp_path):
    path = table(tmp_path, "video\tpath\r\na\tx\u2028y.mp4\r\nb\t~nobody.mp4\r\n")
    found = read_videos(path)
    assert found["a"].path.endswith("x\u2028y.mp4") and found["b"].path.endswith("/~nobody.mp4")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"video\tpath\na\t\xfc.mp4\n", "(it is not in UTF-8): save it in UTF-8, or in Excel as"),
        (b"\xff\xfev\x00i\x00", "no column `video`"),
        (b"\xff\xfev\x00i", "(it is not in UTF-16)"),
        (b"PK\x03\x04\x14\x00", "(it is a spreadsheet): save it as text with tabs"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "(it is a spreadsheet)"),
    ],
)
def test_other_encodings_and_files(tmp_path, content, said):
    path = tmp_path / "videos.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(said)):
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
