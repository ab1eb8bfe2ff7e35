"""The documentation: its links, its tables and the example that it computes by hand."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from chronovision.config.schema import config_schema, keys_of
from chronovision.confounds.pixels import describe_frames
from chronovision.core.results import Results, output_patterns
from chronovision.core.tables import read_table
from chronovision.duration.clips import build_clip_table
from chronovision.duration.model import fit_duration_model
from chronovision.features.extraction import extract_features
from chronovision.features.weights import fetch_weights
from chronovision.jobs.costs import COSTS
from chronovision.jobs.resources import stage_mb
from chronovision.salience.accumulators import accumulate_changes
from chronovision.salience.changes import measure_changes
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.paths import PROJECT
from support.reruns import AFTER, OPTIONAL, RERUNS
from support.rules import rules

DOCS = PROJECT / "docs"
PAGES = [PROJECT / "README.md", PROJECT / "config" / "README.md", *sorted(DOCS.glob("*.md"))]
MODULES = sorted((PROJECT / "scripts" / "chronovision").rglob("*.py"))
CONFIG = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))

# --- one_clip.md on a small set

#: Poolings of AlexNet, by torchvision's nodes.
NODES = {"features.2": "pool1", "features.5": "pool2", "features.12": "pool5"}
SETTINGS = {"size": 64, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
NETWORK = {
    **CONFIG["network"],
    "model": "alexnet",
    "weights": "untrained",
    "layers": list(NODES.values()),
    "device": "cpu",
}
CLIPS = {**CONFIG["clips"], "durations_s": [0.5, 1, 1.5, 2]}
THRESHOLDS = {key: value for key, value in CONFIG["thresholds"].items() if key != "kinds"}
THRESHOLDS["dynamic"] = {**THRESHOLDS["dynamic"], "tau_s": 0.7}
#: Sources of FFmpeg's.
PATTERN = "testsrc2=s=96x64:r=10"
FRACTAL = "mandelbrot=s=96x64:r=10"
LIFE = "life=s=96x64:r=10:seed=1"
SOURCES = {
    "busy": f"{PATTERN}:d=3[a];{FRACTAL},trim=end_frame=25[b];[a][b]concat",
    "calm": f"{FRACTAL},trim=end_frame=50",
    "mixed": f"{LIFE},trim=end_frame=30[a];{PATTERN}:d=2[b];[a][b]concat",
}


def make_video(path: Path, source: str) -> None:
    command = [find_tools().ffmpeg, "-v", "error", "-filter_complex", source]
    command += ["-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def run_video(root: Path, video: str, path: Path) -> None:
    """All stages of one video, as its jobs run them."""
    info, pixels = Results(root).video_facts(video=video), Results(root).pixels(video=video)
    frames, features = Results(root).frames(video=video), Results(root).features(video=video)
    common = {"video": video, "frames": SETTINGS, "span": Span()}
    probe_video(path, info, stream=None)
    dump_frames(info_path=info, strict=False, output=frames, **common)
    thumbnails = pixels.with_suffix(".thumbnails.h5")
    describe_frames(info_path=info, table=pixels, thumbnails=thumbnails, **common)
    weights = root / "weights/alexnet.untrained.pth"
    extract_features(
        frames=frames,
        weights=weights,
        facts=weights.with_suffix(".json"),
        network=NETWORK,
        seed=0,
        threads=1,
        features=features,
    )
    changes = Results(root).changes(metric="correlation", video=video)
    measure_changes(features, changes, metric="correlation")
    accumulators = Results(root).accumulators(variant="correlation.static", video=video)
    accumulate_changes(
        changes={"correlation": changes},
        ranges={},
        video=video,
        threshold="static",
        thresholds=THRESHOLDS,
        seed=0,
        tables={"correlation": accumulators},
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """A results folder of three short videos, up to the fit."""
    root = tmp_path_factory.mktemp("results")
    weights = root / "weights/alexnet.untrained.pth"
    fetch_weights(NETWORK, 0, weights, weights.with_suffix(".json"))
    for video, source in SOURCES.items():
        make_video(root / f"{video}.mp4", source)
        run_video(root, video, root / f"{video}.mp4")
    for threshold in ("static", "dynamic"):
        results, variant = Results(root), f"correlation.{threshold}"
        clips, controls = results.clips(variant=variant), results.clip_controls(variant=variant)
        build_clip_table(
            changes={v: results.changes(metric="correlation", video=v) for v in SOURCES},
            pixels={v: results.pixels(video=v) for v in SOURCES},
            ranges=None,
            groups={video: video for video in SOURCES},
            metric="correlation",
            threshold=threshold,
            thresholds=THRESHOLDS,
            clips=CLIPS,
            seed=0,
            table=clips,
            controls=controls,
        )
        fit_duration_model(
            clips=clips,
            controls=controls,
            duration={"estimators": ["ridge"], "folds": 5},
            metric="correlation",
            threshold=threshold,
            predictions=results.predictions(variant=variant),
            scores=results.scores(variant=variant),
            model=results.model(variant=variant),
        )
    return root


def code_blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_one_clip_gives_the_numbers_of_the_pipeline(results, capsys):
    """The first block says what to look at and is replaced; the last compares with the tables."""
    _, *blocks = code_blocks(DOCS / "one_clip.md")
    assert "assert_allclose(predicted_s" in blocks[-1]
    counts = read_table(Results(results).clips(variant="correlation.static")).set_index("clip")
    counts = counts.loc[counts["video"] == "busy", [f"{layer}_count" for layer in NODES.values()]]
    clip = counts.sum(axis=1).idxmax()
    names = {"results": str(results), "video": "busy", "clip": clip, "nodes": NODES}
    names |= {"model": "alexnet", "seed": 0, "tau_s": 0.7}
    exec(compile("\n".join(blocks), "one_clip.md", "exec"), names)
    assert clip in capsys.readouterr().out
    assert names["counts"].sum() > 0
    assert names["dynamic"].sum() > 0


# --- links


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as they are made on GitHub."""
    headings = re.findall(
        r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_resolve(page):
    text = without_code(page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^()\s]+)\)", text)
    assert targets
    for target in targets:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


def test_pages_are_not_orphans():
    """Each page can be reached from the README."""
    seen, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        links = re.findall(r"\]\(([^()\s#]+\.md)", page.read_text(encoding="utf-8"))
        waiting += [p for link in links if (p := (page.parent / link).resolve()) not in seen]
    assert set(PAGES) <= seen


# --- README


def test_paths_and_targets_of_the_readme_exist():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make\s([a-z-]+)\b", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"\b(?:profiles|config|docs|envs|scripts)/[\w./-]+\w", text):
        assert (PROJECT / path).exists(), path
    results = "\n".join(outputs())
    for path in re.findall(r"`(?!results/)([a-z]+/[\w{}./]+)`", text):
        if not (PROJECT / path).exists():
            assert path in results, path


def test_picture_is_small():
    assert (DOCS / "images" / "timeline.png").stat().st_size < 300_000


# --- outputs.md


def outputs() -> set[str]:
    """Paths of the rules' outputs in the results folder, as the pages have them."""
    patterns = {"variant": "{metric}.{threshold}", "weights": "{model}.{source}.{digest}"}
    return {
        re.sub(r"\{(variant|weights)\}", lambda found: patterns[found[1]], pattern)
        for pattern in output_patterns().values()
    }


def test_every_output_is_described():
    text = (DOCS / "outputs.md").read_text(encoding="utf-8")
    found = outputs()
    assert len(found) > 30
    assert not [path for path in sorted(found) if f"`{path}`" not in text]


# --- cluster.md


def test_requests_of_the_rules_are_those_of_the_table():
    text = (DOCS / "cluster.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)`( \(local\))? \| ([^|]+) \|[^|]*\| ([^|]+) \|", text, re.MULTILINE
    )
    assert {name for name, *_ in rows} == set(rules())
    for name, local, threads, megabytes in rows:
        rule = rules()[name]
        assert bool(local) == (rule.get("localrule") == "True"), name
        fixed = re.match(r"(\d+)", rule["threads"])
        assert threads == (fixed[1] if fixed else "2 to 8"), name
        if name in COSTS:
            assert f'stage_mb("{name}")' in rule["resources"], name
            assert f'stage_minutes("{name}")' in rule["resources"], name
            assert megabytes == str(stage_mb(name, attempt=1)), name
        elif "set_mb" in rule["resources"]:
            assert "set_minutes" in rule["resources"] and megabytes[:4] in ("600 ", "the "), name


# --- reliability.md


def test_the_tests_of_reliability_md_exist():
    text = (DOCS / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    for path, function in named:
        (found,) = (PROJECT / "tests").glob(f"**/{path}")
        assert not function or f"def {function}(" in found.read_text(encoding="utf-8"), function


# --- caching.md


def caching_table(heading: str, column: int = 2) -> dict[str, set[str]]:
    """First cell of each row -> names of rules or groups in another."""
    text = (DOCS / "caching.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` (\|.*\|)$", section, re.MULTILINE)
    cells = {key: row.split("|")[column - 1] for key, row in rows}
    return {key: set(re.findall(r"`([a-z_]+)`", cell)) for key, cell in cells.items()}


def test_caching_table_names_every_key_and_rule():
    assert set(caching_table("By key")) == set(dict(keys_of(config_schema())))
    follows = caching_table("What follows")
    assert set(follows) == set(rules())
    assert set().union(*follows.values()) <= set(rules())


def with_successors(rules: set[str]) -> set[str]:
    """Rules that run again after these, by the table of what follows."""
    follows = caching_table("What follows")
    found = rules | {"render_report"}
    waiting = list(found)
    while waiting:
        new = follows[waiting.pop()] - found
        found |= new
        waiting += new
    return found | ({"dump_frames"} if "extract_features" in found else set())


def test_caching_table_agrees_with_the_runs():
    """tests/support/reruns.py holds what Snakemake is seen to run again."""
    for key, first in caching_table("By key").items():
        expected = set(rules()) if key == "pathvars.results" else with_successors(first)
        found = RERUNS[key][1] - OPTIONAL
        if key in ("changes.metrics", "thresholds.kinds"):  # The row has two cases, the runs one.
            assert found <= expected, key
        else:
            assert found == expected - OPTIONAL, key
    assert set(AFTER) | OPTIONAL == set(rules())
    for rule, found in AFTER.items():
        # The weights' code does not count: their names stand for all that decides them.
        expected = set() if rule == "fetch_weights" else with_successors({rule})
        assert found - OPTIONAL == expected - OPTIONAL, rule


def test_groups_of_the_caching_table_are_what_runs_again():
    groups = caching_table("Groups")
    two_cases = {"thresholds.kinds", "thresholds.range"}  # The runs have the lesser one.
    for key, named in caching_table("By key", 3).items():
        stated = set().union(*(groups.get(name, {name}) for name in named))
        found = RERUNS[key][1]
        assert (found < stated) if key in two_cases else (found == stated), key


# --- troubleshooting.md


def messages(path: Path) -> list[str]:
    """Texts that the code of a module can write, with … for what is put in."""

    def text(node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(text(part) for part in node.values)
        return "…"

    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    kinds = (ast.Constant, ast.JoinedStr)
    return [text(node) for node in nodes if isinstance(node, kinds)]


def quoted_messages(text: str) -> list[str]:
    """Fixed parts of the messages in the tables of a text."""
    cells = re.findall(r"^\| (`[^|]*`)[^|`]* \|", text, re.MULTILINE)
    spans = [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]
    parts = [part.strip(" :;,)") for span in spans for part in span.split("…")]
    parts = [part.removeprefix("config: ") for part in parts]  # Stands before messages of all keys.
    return [part for part in parts if len(part) > 7]


def test_messages_that_are_explained_exist():
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    text = re.sub(r"\n## Snakemake\n.*?(?=\n## )", "", text, flags=re.DOTALL)
    texts = [text for path in MODULES for text in messages(path)]
    known = "\n".join([*texts, (PROJECT / "Makefile").read_text(encoding="utf-8")])
    parts = [re.sub(r"\.(METRIC|LAYER)$", "", part) for part in quoted_messages(text)]
    assert len(parts) > 80
    assert not [part for part in parts if part not in known]


#: The exceptions whose messages users read.
USER_ERRORS = {"UserError", "NoFitError", "UnknownLayer"}


def test_every_kind_of_user_error_is_known():
    classes = re.compile(rf"^ *class (\w+)\(.*\b({'|'.join(USER_ERRORS)})\b.*\):", re.MULTILINE)
    found = [name for path in MODULES for name, _ in classes.findall(path.read_text("utf-8"))]
    assert {"UserError", *found} == USER_ERRORS


def said_to_users(path: Path) -> Iterator[ast.expr]:
    """What makes each message of a module: of a UserError, or of the config's models.

    pydantic asks for ValueError, and what keys contradict each other is yielded as text.
    """
    of_config = "config" in path.relative_to(PROJECT).parts and path.name != "documents.py"
    errors = USER_ERRORS | ({"ValueError"} if of_config else set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        # Raised here or elsewhere: some functions return the error, or yield several.
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called.rpartition(".")[2] in errors and node.args:
            yield node.args[0]
        yielded = node.value if isinstance(node, ast.Yield) else None
        if of_config and isinstance(yielded, ast.JoinedStr | ast.Constant):
            yield yielded


#: Messages of which the code has no words where they are made, or too few to be looked for.
WORDS_ELSEWHERE = {
    # Of errors and lines that are seen by themselves.
    "f'config: {one_line(problem, MAX_MESSAGE)}'",
    "problem",
    "'; and '.join((error.reason for error in found))",
    # A variable's, or a function's.
    "not_a_model",
    "f'{not_a_model} ({words})'",
    "why",
    "_missing(name, state, spec, where)",
    "'\\n'.join(lines)",
    "f'{path}: FFmpeg {killed(code)}'",
    "f'{path}: FFmpeg {killed(done.returncode)}'",
    "f'{path}: ffprobe {killed(code)}'",
    # UnknownLayer's.
    "model",
    "f'{error.complaint}; {hint}'",
    # Explained by `no video`, `no path` and by `holds …, not …`.
    "f'{where}: no {name}'",
    "f'{what} holds {tensor.dtype}, not {expected.dtype}'",
}


def test_every_mistake_of_a_user_is_explained():
    """Each message to a user holds words that a table of troubleshooting.md quotes."""
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    parts = [part for part in quoted_messages(text) if " " in part]  # A key alone says nothing.
    found = [(path, said) for path in MODULES for said in said_to_users(path)]
    unexplained = {}
    for path, said in found:
        constants = [part for part in ast.walk(said) if isinstance(part, ast.Constant)]
        message = "".join(part.value for part in constants if isinstance(part.value, str))
        if not any(part in message for part in parts):
            unexplained[ast.unparse(said)] = f"{path.name}, line {said.lineno}"
    modules = {"clips.py", "models.py", "clock.py", "containers.py", "replaced.py"}
    assert len(found) > 160 and modules <= {path.name for path, _ in found}
    assert set(unexplained) == WORDS_ELSEWHERE, unexplained
