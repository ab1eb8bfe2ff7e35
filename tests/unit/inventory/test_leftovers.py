"""What is current in a results folder, what is left over, and what its removal takes and leaves."""

import copy
import os
import shutil
from pathlib import Path, PurePath

import pytest

from chronovision.core.files import read_json, write_json, write_text
from chronovision.errors import UserError
from chronovision.inventory.current_set import read_current_set
from chronovision.inventory.layout import Owner, owner_of
from chronovision.inventory.leftovers import find_leftovers, tell_leftovers
from support.results import MadeResults

VIDEOS = ("a", "b", "c")


def whole(root: Path) -> dict[str, bytes | str]:
    """Path -> contents, or the target of a link; locks apart."""
    paths = (path for path in root.rglob("*") if path.is_symlink() or path.is_file())
    return {
        path.relative_to(root).as_posix(): (
            os.readlink(path) if path.is_symlink() else path.read_bytes()
        )
        for path in paths
        if "locks" not in path.parts
    }


def report(root: Path, made: MadeResults, videos: str, **changed) -> None:
    """The record of a report on some of the videos, newer than all else."""
    config = {
        **made.config,
        "changes": {"metrics": ["correlation", "euclidean"]},
        "thresholds": {**made.config["thresholds"], "kinds": ["static", "dynamic"]},
        "duration": {"estimators": ["ridge"], "folds": 5, "apply": None},
    }
    config |= {key: {**config[key], **value} for key, value in changed.items() if key != "fits"}
    about = {
        "config": config,
        "videos": dict.fromkeys(videos, {}),
        "weights": {"sha256": "cd" * 32},
    }
    about["fits"] = changed.get("fits", [*map(str, made.variants)])
    write_json(root / "provenance.json", about)
    newest = max(path.stat().st_mtime for path in root.rglob("*") if path.is_file())
    os.utime(root / "provenance.json", (newest + 1, newest + 1))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A finished set of three videos, with what the rules write beside tables and features."""
    made = MadeResults(tmp_path_factory.mktemp("made") / "results")
    for video in VIDEOS:
        made.add_video(video, n=30)
    made.add_set()
    for video in VIDEOS:
        for name in (
            f"report/{video}.html",
            f"figures/{video}/timeline.euclidean.dynamic.png",
            f"figures/{video}/counts.euclidean.png",
            f"figures/{video}/heatmaps.png",
            f"images/{video}/000000.jpg",
            f"pieces/{video}/1of2.h5",
            f"logs/dump_frames/{video}.log",
            f"logs/measure_changes/euclidean.{video}.log",
            f"logs/accumulate_changes/dynamic.{video}.log",
            f"benchmarks/extract_piece/{video}.1of2.tsv",
        ):
            write_text(made.path(name), video)
    for name in ("index.html", "methods.md"):
        write_text(made.path("report", name), "the set's")
    write_text(made.path("figures/set/static_vs_dynamic.png"), "the set's")
    write_text(made.path("logs/render_report.log"), "the set's")
    report(made.root, made, "abc")
    return made


@pytest.fixture
def made(original, tmp_path):
    """A copy of it, to be changed."""
    made = copy.copy(original)
    made.root = Path(shutil.copytree(original.root, tmp_path / "results"))
    return made


def left(root: Path) -> dict[str, set[str]]:
    found = find_leftovers(root, read_current_set(root))
    return {what: {path.as_posix() for path in paths} for what, paths in found.files.items()}


def of_video(root: Path, video: str) -> set[str]:
    """Files that bear the video's id, or lie in a folder of that name."""
    return {
        name
        for name in whole(root)
        if video in PurePath(name).parts or video in PurePath(name).name.split(".")
    }


# Whose a file is


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("features/a.b.h5", Owner(video="a.b")),
        ("changes/cosine/a.tsv", Owner(video="a", metric="cosine")),
        ("segments/cosine.static/a.json", Owner(video="a", metric="cosine", threshold="static")),
        ("clips/controls/cosine.static.tsv", Owner(metric="cosine", threshold="static")),
        ("pixels/a.thumbnails.h5", Owner(video="a")),
        ("logs/extract_piece/a.01of12.01of12.log", Owner(video="a.01of12")),
        ("logs/measure_changes/cosine.cosine.a.log", Owner(video="cosine.a", metric="cosine")),
        ("weights/vgg19.file.0a1b.pth", Owner(weights="vgg19.file.0a1b")),
        ("figures/set/static_vs_dynamic.png", Owner()),
        ("accumulators/summary.tsv", None),
        ("report/index.html", None),
        ("provenance.json", None),
        ("videos.tsv", None),
        ("report/a.txt", None),
        ("features/sub/a.h5", None),
        ("changes/mine/a.tsv", None),
        ("figures/a/mine.png", None),
        ("logs/build_clip_table/a.log", None),
        ("features/.a.h5.x.part", None),
    ],
)
def test_whose_a_file_is(path, owner):
    assert owner_of(PurePath(path)) == owner


# What is left over


def test_a_finished_set_leaves_nothing_over(made, capsys):
    assert left(made.root) == {}
    tell_leftovers(made.root)
    assert capsys.readouterr().out == f"{made.root}: nothing is left over\n"


def test_all_of_a_video_that_left_the_set_is_found_and_removed(made, capsys):
    report(made.root, made, "ab")
    before = whole(made.root)
    expected = of_video(made.root, "c")
    assert len(expected) > 20 and left(made.root) == {"video c": expected}
    tell_leftovers(made.root)
    said = capsys.readouterr().out
    assert whole(made.root) == before
    assert all(f"  {name}\n" in said for name in expected)
    assert f"make leftovers RESULTS={made.root} DELETE=yes" in said
    tell_leftovers(made.root, delete="yes")
    assert f"{len(expected)} files were deleted." in capsys.readouterr().out
    assert whole(made.root) == {k: v for k, v in before.items() if k not in expected}
    assert not (made.root / "figures/c").exists() and (made.root / "figures/b").is_dir()
    assert left(made.root) == {}


def test_what_is_not_of_our_making_stays(made, tmp_path):
    """Files of the user's among ours, files of unknown videos, links and what lies behind them."""
    report(made.root, made, "ab")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "quality").mkdir(parents=True)
    for name in ("figures/c/mine.png", "report/notes.html", "features/notes.h5", "videos.tsv"):
        write_text(made.path(name), "the user's")
    write_json(made.path("videos/mine.json"), {"provenance": "the user's"})
    for name in ("c.tsv", "c.json"):
        made.path("quality", name).rename(elsewhere / "quality" / name)
        made.path("quality", name).symlink_to(elsewhere / "quality" / name)
    made.path("images").rename(elsewhere / "images")
    made.path("images").symlink_to(elsewhere / "images")
    kept = {"figures/c/mine.png", "quality/c.tsv", "quality/c.json"}
    outside = whole(elsewhere)
    before = whole(made.root)
    expected = of_video(made.root, "c") - kept
    assert kept <= set(before) and "features/c.h5" in expected
    tell_leftovers(made.root, delete="yes", say=lambda _: None)
    assert whole(made.root) == {k: v for k, v in before.items() if k not in expected}
    assert whole(elsewhere) == outside


def test_what_the_config_no_longer_asks_for(made):
    report(made.root, made, "abc", changes={"metrics": ["correlation"]}, fits=[])
    found = left(made.root)
    euclidean = {name for name in whole(made.root) if "euclidean" in name}
    fits = {n for n in whole(made.root) if n.startswith("duration/correlation")}
    assert found["euclidean"] == euclidean
    assert found["duration/correlation.static"] | found["duration/correlation.dynamic"] == fits
    report(made.root, made, "abc", thresholds={"kinds": ["static"]})
    found = left(made.root)
    dynamic = {n for n in whole(made.root) if "dynamic" in n and "static_vs" not in n}
    assert found == {
        "dynamic threshold": dynamic,
        "figures/set/static_vs_dynamic": {"figures/set/static_vs_dynamic.png"},
    }


def test_weights_that_made_no_features_of_the_set(made):
    about = {"model": "vgg16", "source": "file"}
    for name, digest in (("vgg16.file", "ef" * 32), ("vgg19.auto", "cd" * 32)):
        write_json(made.path(f"weights/{name}.json"), {**about, "sha256": digest})
        write_text(made.path(f"weights/{name}.pth"), "")
    write_text(made.path("weights/mine.pth"), "the user's")
    report(made.root, made, "abc")
    assert left(made.root) == {
        "weights vgg16.file": {"weights/vgg16.file.json", "weights/vgg16.file.pth"}
    }


def test_an_id_that_differs_in_case_alone_is_no_leftover(made):
    """Where case does not count its files are those of the video in the set."""
    report(made.root, made, "abC")
    assert left(made.root) == {}


# What stands


def keep_table(made, *videos: str) -> None:
    """The table of `make run`, newer than all else."""
    write_json(made.path("survey.json"), {"folder": "/films", "table_sha256": ""})
    rows = "".join(f"{video}\t{video}.mp4\n" for video in videos)
    write_text(made.path("videos.tsv"), f"video\tpath\n{rows}")
    newest = max(path.stat().st_mtime for path in made.root.rglob("*") if path.is_file())
    os.utime(made.path("videos.tsv"), (newest + 1, newest + 1))


def test_a_table_of_make_run_that_is_newer_counts_before_the_report(made):
    report(made.root, made, "ab")
    keep_table(made, "a", "new", "c")
    current = read_current_set(made.root)
    assert current.videos == ["a", "c"], "new has not been begun"
    assert set(left(made.root)) == {"video b"}
    made.path("videos.tsv").write_text("damaged")
    assert read_current_set(made.root).videos == ["a", "b"]


def test_a_report_that_is_newer_counts_before_the_table(made, capsys):
    """A run of Snakemake alone may have had a larger table, and the same results folder."""
    keep_table(made, "a", "b")
    report(made.root, made, "abc")
    assert read_current_set(made.root).videos == ["a", "b", "c"]
    before = whole(made.root)
    tell_leftovers(made.root, delete="yes")
    assert whole(made.root) == before and "nothing is left over" in capsys.readouterr().out
    # Nor goes what the table has and the newer report does not.
    report(made.root, made, "a")
    assert read_current_set(made.root).videos == ["a"] and set(left(made.root)) == {"video c"}


def test_a_larger_run_that_has_not_come_to_its_report_keeps_its_videos(made, capsys):
    report(made.root, made, "ab")
    keep_table(made, "a", "b")
    os.utime(made.path("features/c.h5"), ns=(2**62, 2**62))
    assert left(made.root) == {}
    tell_leftovers(made.root, delete="yes")
    assert "video c: newer than the last report or table" in capsys.readouterr().out
    assert made.path("features/c.h5").is_file()


@pytest.mark.parametrize("key", ["weights", "videos", "config"])
def test_an_incomplete_record_counts_as_none(made, key):
    report(made.root, made, "ab")
    about = read_json(made.path("provenance.json"))
    write_json(made.path("provenance.json"), {name: about[name] for name in about if name != key})
    current = read_current_set(made.root)
    assert current.report == {} and current.videos == ["a", "b", "c"]
    assert left(made.root) == {}


def test_a_run_that_was_broken_off_leaves_nothing_over(made, capsys):
    """A video that came to the set is in no report yet; nor is a metric."""
    report(made.root, made, "ab", changes={"metrics": ["correlation"]})
    reported = made.path("provenance.json").stat().st_mtime_ns
    for name in ("features/c.h5", "changes/euclidean/a.tsv"):
        os.utime(made.path(name), ns=(reported + 10**9, reported + 10**9))
    before = whole(made.root)
    tell_leftovers(made.root, delete="yes")
    said = capsys.readouterr().out
    assert "video c: newer than the last report or table" in said and "euclidean: newer" in said
    assert whole(made.root) == before


def test_without_a_report_the_summary_tells_the_set(made, capsys):
    made.path("provenance.json").unlink()
    summary = made.path("accumulators/summary.tsv")
    rows = [line for line in summary.read_text().splitlines() if not line.startswith("c\t")]
    summary.write_text("\n".join(rows) + "\n")
    later = max(p.stat().st_mtime_ns for p in made.root.rglob("*") if p.is_file()) + 1
    os.utime(summary, ns=(later, later))
    assert left(made.root) == {"video c": of_video(made.root, "c")}
    summary.unlink()
    current = read_current_set(made.root)
    assert current.videos == ["a", "b", "c"] and not current.is_known
    with pytest.raises(UserError, match="without a report .* it is not known what is left over"):
        tell_leftovers(made.root)


def test_mistakes_of_the_user(made, tmp_path):
    with pytest.raises(UserError, match="DELETE=all: say DELETE=yes"):
        tell_leftovers(made.root, delete="all")
    with pytest.raises(UserError, match="no such folder; RESULTS must name"):
        tell_leftovers(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no features/ and no videos/ in it"):
        tell_leftovers(tmp_path)
