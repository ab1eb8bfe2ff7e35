"""Config, table, report and weights as an attacker or a tired student would write them."""

import copy
import io
import json
import math
import os
import pickle
import re
import tarfile
import time
import zipfile
from contextlib import suppress
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators
from pydantic import ValidationError
from snakemake.io import PeriodicityDetector

from chronovision.config.check import MAX_VALUES, check_config
from chronovision.config.models import Config
from chronovision.config.schema import config_schema
from chronovision.config.sections.clips import MAX_ROWS
from chronovision.core.files import read_json, write_json
from chronovision.core.messages import one_line
from chronovision.core.paths import UNCARRIABLE
from chronovision.duration.clip_design import Footage, describe_design, plan_clips
from chronovision.duration.folds import split_folds
from chronovision.duration.sampling import sample_clips
from chronovision.errors import UserError
from chronovision.features.pieces import piece_names, piece_window
from chronovision.features.weights import fetch_weights
from chronovision.figures import set as set_figures
from chronovision.report.methods import methods_paragraphs
from chronovision.salience.accumulators import run_accumulator, standard_noise
from chronovision.salience.thresholds import resolve_thresholds
from chronovision.segmentation.segments import find_boundaries, layers_needed
from chronovision.survey.folder import find_videos, name_videos
from chronovision.survey.survey import survey_folder
from chronovision.videos.fingerprint import fingerprint
from chronovision.videos.selection import Frame, every_nth, expected_rows, frames_per_row, resample
from chronovision.videos.table import FORMULA, PERIODIC, VIDEO_ID, find_table, read_videos
from support.clips import make_clip
from support.pages import overview_of, page_of
from support.paths import PROJECT
from support.results import KINDS, MadeResults

SCHEMA_FILE = PROJECT / "workflow/schemas/config.schema.yaml"
SCHEMA = config_schema()

#: What shells, spreadsheets, browsers, terminals, YAML and file systems take for more than text.
NASTY = [
    *("$(touch pwned)", "`touch pwned`", "; touch pwned #", "| touch pwned", "&& touch pwned"),
    *("../../../../etc/passwd", "~", "~root/x", "~\x00", "-rf", "--help", "%s%n", "*", "?", "'\""),
    *('=HYPERLINK("http://x.y","z")', "+1+1", "-2+3", "@SUM(A1)", "＝1+1", "\t=1"),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)"),
    *("{results}", "<results>", "${HOME}", "{{ config }}", "{% raw %}", "!!python/object", "&a *a"),
    *("\x1b[2J\x1b[31m", "\x00", "a\nb", "a\r\nb", "auto\n", "\x85", "\u2028", "\u202egpj.exe"),
    *("e\u0301", "مرحبا", "👩‍👩‍👧", "視", "\ufeff", "\ud800", "\udce9", "x" * 300, "x" * 200_000),
    *("nan", "inf", "-inf", "1e999", "1_5", "٣", "²", "1,5", "1:30", "9" * 5000, "n/a", "None"),
]
SHORT = [text for text in NASTY if len(text) <= 300]


def in_one_line(error) -> str:
    """The text of a UserError, which must be one line that a terminal shows as it is."""
    text = str(error.value if hasattr(error, "value") else error)
    assert text.isprintable() and len(text) < 5000, ascii(text[:300])
    return text


# The config


@cache
def keys(part=None, above=()) -> dict[tuple[str, ...], dict]:
    """Path of each key -> its part of the schema."""
    found = {}
    for name, inner in (part or SCHEMA)["properties"].items():
        deeper = keys_of(inner, (*above, name))
        found |= deeper or {(*above, name): inner}
    return found


def keys_of(part, above):
    return keys.__wrapped__(part, above) if "properties" in part else {}


numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 2**200, 1e308, 5e-324, -0.0, 1e-9, 10**9]),
)
texts = st.one_of(st.text(max_size=20), st.sampled_from(NASTY))
leaves = st.one_of(st.none(), st.booleans(), numbers, texts, st.dates(), st.binary(max_size=5))
odd_keys = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.dates())
hostile = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(odd_keys, inner, max_size=4)
    ),
    max_leaves=8,
)


def like(part) -> st.SearchStrategy:
    """Values near what a part of the schema allows, its limits among them."""
    kinds = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", [])
    options = [st.just(part["default"])] if "default" in part else []
    if "enum" in part:
        options.append(st.sampled_from(part["enum"]))
    if {"integer", "number"} & {*kinds}:
        limits = [part[name] for name in LIMITS if name in part] or [0]
        near = [one + step for one in limits for step in (-1, -1e-6, 0, 1e-6, 1)]
        whole = [round(one) for one in near]
        options.append(st.sampled_from(whole if "integer" in kinds else near + whole))
        options.append(st.integers(min_value=0, max_value=10**30))
    if "object" in kinds:
        names = st.sampled_from(["pool1", "pool5", "pol1"])
        options.append(st.dictionaries(names, like(part["additionalProperties"]), max_size=2))
    if "array" in kinds:
        options.append(st.lists(like(part["items"]), max_size=4))
    if "null" in kinds:
        options.append(st.none())
    return st.one_of(*options) if options else st.sampled_from(["pool1", "pool2", "x.pth"])


LIMITS = ("minimum", "exclusiveMinimum", "maximum")


@st.composite
def configs(draw, values=lambda part: st.one_of(like(part), hostile)):
    """Configs with some keys set, in the schema's sections."""
    config = {}
    for path in draw(st.lists(st.sampled_from(sorted(keys())), max_size=4, unique=True)):
        section = config
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = draw(values(keys()[path]))
    return config


@st.composite
def hostile_configs(draw):
    """`configs` with hostile values also in place of sections, and under unknown keys."""
    config = draw(configs())
    sections = [config, *(one for one in config.values() if isinstance(one, dict))]
    if draw(st.booleans()):
        section = draw(st.sampled_from(sections))
        section[draw(st.one_of(odd_keys, st.sampled_from(sorted(SCHEMA["properties"]))))] = draw(
            hostile
        )
    return config


def deep(levels: int) -> list:
    nested: list = []
    for _ in range(levels):
        nested = [nested]
    return nested


def endless() -> list:
    nested: list = []
    nested.append(nested)
    return nested


def laughs() -> dict:
    """What nine lines of YAML unfold to: 10⁹ values."""
    value = {"lol": "lol"}
    for _ in range(9):
        value = {f"k{n}": value for n in range(10)}
    return value


@given(hostile_configs())
@example({"thresholds": {"dynamic": {"tmax": {1: "a", "b": "c"}}}})
@example({"network": {"weights": "~\ud800/w.pth"}})
@settings(max_examples=400, deadline=None)
def test_a_config_is_taken_or_refused_in_one_line(config):
    written = copy.deepcopy(config)
    try:
        check_config(config)
    except UserError as error:
        assert_names_a_key(error, written)


def assert_names_a_key(error, config) -> None:
    """Known or not, a key that the config has; or one that contradicts another."""
    text = in_one_line(error)
    named = [*SCHEMA["properties"], *(one_line(str(key)[:30]) for key in config)]
    named = "|".join(map(re.escape, named))
    assert re.match(f"config: (unknown key |it has a key of |{named})", text), text
    assert len(text) < 1000


#: JSON Schema takes 224.0 for an integer; what is computed with it would not.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)
EDITORS = Validator(yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8")))


@given(configs() | hostile_configs())
@settings(max_examples=300, deadline=None)
def test_editors_take_and_refuse_the_same(config):
    """By the schema's file, apart from keys that contradict each other, and from paths."""
    with suppress(TypeError, ValueError):
        text = json.dumps(config, allow_nan=False)
        # Fractions have no range in the schema, and in Python `$` matches before a line end.
        if json.loads(text) == config and not re.search(r"\\n|\\ud[89a-f]|[0-9]/[0-9]", text):
            assert EDITORS.is_valid(config) == (not mistakes_of_one_key(config)), text


def mistakes_of_one_key(config) -> list[str]:
    try:
        Config.model_validate(config)
    except ValidationError as error:
        found = error.errors()
        own = [one["msg"] for one in found if one["type"] == "value_error"]
        repeated = [text for text in own if "non-unique" in text]
        return repeated + [one["msg"] for one in found if one["type"] != "value_error"]
    return []


#: Functions, because to show such values in a message would take as long as to check them.
ENDLESS = {
    "digits": lambda: {"seed": 10**5000},
    "deep": lambda: {"seed": deep(100_000)},
    "as_deep_as_python": lambda: {"seed": deep(900)},
    "recursive": lambda: {"network": {"layers": endless()}},
    "laughs": lambda: {"frames": laughs()},
    "laughs_among_layers": lambda: {"network": {"layers": [laughs()]}},
    "long": lambda: {"network": {"layers": [{"a": n} for n in range(10**6)]}},
    "mixed": lambda: {
        "clips": {"durations_s": [n if n % 2 else str(n) for n in range(MAX_VALUES - 20)]}
    },
    "long_key": lambda: {"x" * 10**6: 1},
    "long_value": lambda: {"network": {"weights": 1, "model": "x" * 10**7}},
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_config_without_end_is_refused_in_moments(kind):
    config = ENDLESS[kind]()
    started = time.process_time()
    with pytest.raises(UserError) as error:
        check_config(config)
    assert time.process_time() - started < 10
    assert_names_a_key(error, config)


@pytest.mark.parametrize("word", ["auto", "majority", "min", "vgg19", "pool1", "results", "x.tsv"])
def test_a_line_end_after_a_word_is_seen(word):
    """In Python, unlike in JSON Schema, `$` also matches before a last line end."""
    paths = {
        **{"auto": "network.batch_size", "majority": "segments.min_layers"},
        **{"min": "thresholds.dynamic.tmin", "vgg19": "network.model", "pool1": "network.layers"},
        **{"results": "pathvars.results", "x.tsv": "videos"},
    }
    *sections, key = paths[word].split(".")
    config = {key: [f"{word}\n"] if key == "layers" else f"{word}\n"}
    for section in reversed(sections):
        config = {section: config}
    with pytest.raises(UserError) as error:
        check_config(config)
    assert in_one_line(error).startswith(f"config: {paths[word]}")
    assert "does not match what is expected" in str(error.value)


def within_limits(part):
    """Values that a part of the schema allows: its default and its limits, else huge ones."""
    kinds = part.get("type", [])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    if kinds == "boolean":
        return st.booleans()
    if kinds == "array" and part["items"].get("type") == "number":
        return st.lists(within_limits(part["items"]), min_size=1, max_size=3, unique=True)
    if kinds == "integer" or "number" in kinds or "integer" in kinds:
        least, most = part.get("minimum"), part.get("maximum", 10**300)
        if "exclusiveMinimum" in part and least is None:
            least = 5e-324
        return st.sampled_from([least, most, part.get("default", most)])
    return st.just(part["default"])


@st.composite
def extreme_configs(draw):
    """Configs of which each value is allowed, without the contradictions that are seen at once."""
    config = draw(configs(within_limits))
    dynamic = config.get("thresholds", {}).get("dynamic", {})
    if dynamic.get("tau_frames") is not None:
        dynamic["tau_s"] = None
    if {"tmax", "tmin"} & {*dynamic}:
        config["changes"] = {"metrics": ["correlation"]}
    frames = config.get("frames", {})
    if frames.get("fps"):
        frames["step_s"] = None
    if frames.get("fps") or frames.get("step_s"):
        frames["every"] = 1
    return config


def smallest_and_largest():
    """A config for each limit of each key, so that none is left to chance."""
    for path, part in keys().items():
        for limit in [name for name in LIMITS if name in part]:
            config = part[limit] or (5e-324 if limit == "exclusiveMinimum" else 0)
            for name in reversed(path):
                config = {name: config}
            yield ".".join(path), config


@given(extreme_configs())
@settings(max_examples=100, deadline=None)
def test_what_is_taken_can_be_computed_with(tmp_path_factory, config):
    use(config, tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(("key", "config"), [*smallest_and_largest()])
def test_limits_can_be_computed_with(tmp_path, key, config):
    dynamic = config.get("thresholds", {}).get("dynamic", {})
    if "tau_frames" in dynamic:
        dynamic["tau_s"] = None
    if {"tmax", "tmin"} & {*dynamic}:
        config["changes"] = {"metrics": ["correlation"]}
    use(config, tmp_path)


def use(config, folder) -> None:
    """Whatever a run computes from the config's numbers, on a tiny video: no overflow, no end."""
    try:
        check_config(config)
    except UserError as error:
        in_one_line(error)
        return
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    use_frames(config["frames"])
    write_json(folder / "info.json", {"duration_s": 36_000.0})
    minutes = config["features"]["chunk_minutes"]
    if minutes is not None:
        pieces = piece_names(folder / "info.json", (None, None), minutes)
        assert len(pieces) <= 60_000
        assert not pieces or piece_window(pieces[0], minutes)[1] > 0
    use_thresholds(config)
    design = use_clips(config)
    provenance = MadeResults(folder).provenance("a") | {"videos": {"a": {}, "b": {}}}
    paragraphs = methods_paragraphs(config, provenance, 12, design=design, fitted=["all"])
    assert not re.search(r"\b(nan|inf)\b", " ".join(paragraphs))


def use_frames(frames) -> None:
    film = [Frame(n, Fraction(n, 12), n == 0, None) for n in range(48)]
    info = {"duration_s": 4.0, "n_frames": 48, "frame_rate": 12.0, "vfr": False}
    fps, every = frames["fps"], frames_per_row(info, frames)
    rows = list(resample(film, fps) if fps else every_nth(film, every))
    assert abs(len(rows) - expected_rows(info, frames, (None, None))) <= 1
    assert 1 <= len(rows) <= 4000


def use_thresholds(config) -> None:
    layers = ["pool1", "pool2"]
    rng = np.random.default_rng(0)
    changes = rng.uniform(0.01, 5e5, (60, 2))
    settings, time_s = config["thresholds"], np.arange(60) / 12
    low, high = changes.min(axis=0), changes.max(axis=0)
    try:
        found = resolve_thresholds(low, high, layers, settings)
    except UserError as error:  # Tmin above Tmax
        in_one_line(error)
        return
    noise = standard_noise(config["seed"], 59, layers, "a")
    for rule in ((), (settings["dynamic"], noise)):
        threshold, salient = run_accumulator(changes, time_s, found, *rule)
        assert np.isfinite(threshold).all()
    needed = layers_needed(config["segments"]["min_layers"], 5)
    least = config["segments"]["min_duration_s"]
    find_boundaries(salient, changes.mean(axis=1), time_s, needed, least)


def use_clips(config) -> dict | None:
    """What is recorded of the clips, if there are any."""
    clips = config["clips"]
    times = {"a": np.arange(480) / 12, "b": np.arange(600) / 12}
    try:
        footage = {video: Footage.of(time_s) for video, time_s in times.items()}
        design = plan_clips(footage, clips)
    except UserError as error:  # no duration fits
        in_one_line(error)
        return None
    sampled = sample_clips(times, design, clips, config["seed"])
    rows = sum(len(clip.readouts) for clip in sampled) * clips["repeats"]
    assert rows <= len(times) * MAX_ROWS
    split_folds(np.repeat(np.arange(12), 2), config["duration"]["folds"])
    return describe_design(design, footage, ((clip.video, clip.n_frames) for clip in sampled))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"clips": {"durations_s": [1e308]}}, "clips.durations_s.0: 1e+308 is greater than"),
        ({"clips": {"durations_s": [5e-324]}}, "clips.durations_s.0: 5e-324 is less than"),
        ({"features": {"chunk_minutes": 1e-9}}, "features.chunk_minutes: 1e-09 is less than"),
        ({"frames": {"fps": 1e-300}}, "frames.fps: 1e-300 is less than"),
        ({"frames": {"fps": 1e300}}, "frames.fps: 1e+300 is greater than"),
        ({"frames": {"size": 10**9}}, "frames.size: 1000000000 is greater than"),
        ({"network": {"batch_size": 10**9}}, "network.batch_size: 1000000000 is greater than"),
        ({"clips": {"max_per_video": 10**12}}, "× repeats is 1000000000000, and a video may"),
        (
            {"clips": {"max_per_video": 10**5, "snapshots": 100, "repeats": 1000}},
            "clips: max_per_video × (1 + snapshots) × repeats is 10100000000",
        ),
        ({"thresholds": {"dynamic": {"tau_s": 1e-300}}}, "dynamic.tau_s: 1e-300 is less than"),
        ({"thresholds": {"dynamic": {"noise_divisor": 1e-300}}}, "noise_divisor: 1e-300 is less"),
        ({"thresholds": {"dynamic": {"tmax_scale": 1e308}}}, "tmax_scale: 1e+308 is greater than"),
        ({"thresholds": {"dynamic": {"tmax": {"pool1": 1e308}}}}, "tmax.pool1: 1e+308 is greater"),
        ({"seed": -1}, "seed: -1 is less than the minimum of 0"),
        ({"seed": 10**400}, "seed is too large; a finite number is needed"),
        ({"seed": True}, "seed: True is not of type 'integer'"),
        ({"network": {"layers": ["x" * 10**5]}}, "network.layers.0: 'xxx"),
        ({"thresholds": {"dynamic": {"tmax": {1: 2}}}}, "dynamic.tmax has a key of type int, not"),
        ({"sc\x1b[2Jript": 1}, r"unknown key sc\x1b[2Jript: did you mean strict?"),
    ],
)
def test_values_that_would_break_a_later_step(config, said):
    with pytest.raises(UserError) as error:
        check_config(config)
    assert said in in_one_line(error)


def test_a_huge_seed_can_be_used(tmp_path):
    use({"seed": 2**200}, tmp_path)


def test_limits_are_those_of_the_documentation():
    text = (PROJECT / "config/README.md").read_text(encoding="utf-8")
    section = text.split("\n## Limits\n")[1]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \| (.*?) \|", section, re.MULTILINE)
    told = {key: row[1:] for row in rows for key in re.findall(r"`([\w.]+)`", row[0])}
    limits = {}
    for path, part in keys().items():
        part = part["items"] if part.get("items", {}).get("type") == "number" else part
        if part.keys() & {*LIMITS}:
            least = f"{part['minimum']:g}" if "minimum" in part else "above 0"
            most = part.get("maximum")
            limits[".".join(path)] = least, written(most)
    assert told == limits


def written(number) -> str:
    if number is None:
        return "–"
    return f"{number:g}" if number < 1e6 else f"{number:.0e}".replace("e+0", "e").replace("e+", "e")


# The table of videos

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
    looking = Thread(target=lambda: found.append(fingerprint(tmp_path / "a.mp4")), daemon=True)
    looking.start()
    looking.join(10)
    assert found == [None]


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "a\x00b", "\ud800", "a\nb.tsv"])
def test_tables_under_impossible_names(tmp_path, name):
    with pytest.raises(UserError, match="no such table") as error:
        find_table(name, tmp_path)
    in_one_line(error)


def test_long_tables_are_read_in_moments(tmp_path):
    rows = "".join(f"v{n}\tv{n}.mp4\n" for n in range(20_000))
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n{rows}")
    assert len(read_videos(tmp_path / "videos.tsv")) == 20_000


# Names in figures, pages and the methods text


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_stand_in_figures_as_they_are(tmp_path, monkeypatch):
    """A dollar sign is not mathematics, and an underscore hides no name."""
    groups = [r"$\frac{$", "_x", "a$b$", "مرحبا", "👩‍👩‍👧", "<b>&amp;"]
    n = 60
    table = pd.DataFrame({"group": np.resize(groups, n), "duration_s": np.linspace(1, 9, n)})
    table["pool1_count"], table["predicted_s"], table["estimator"] = 3, 2.0, "svr"
    drawn = []

    def keep(figure, path):
        drawn.extend(text.get_text() for text in figure.legends[0].get_texts())
        save(figure, path)

    save = set_figures.save
    monkeypatch.setattr(set_figures, "save", keep)
    with set_figures.styled():
        set_figures.draw_counts_vs_duration(tmp_path / "a.png", KINDS[0], table)
        set_figures.draw_predictions(tmp_path / "b.png", KINDS[0], table)
    assert [drawn.count(name) for name in groups] == [2] * len(groups)


def test_long_names_leave_room_for_the_panels(tmp_path, monkeypatch):
    table = pd.DataFrame({"group": [c * 100 for c in "xyz"], "duration_s": [1.0, 2.0, 3.0]})
    table["pool1_count"] = 3
    widths = []

    def measure(figure, path):
        save(figure, path)
        widths.append(figure.axes[0].get_window_extent().width / figure.bbox.width)

    save = set_figures.save
    monkeypatch.setattr(set_figures, "save", measure)
    with set_figures.styled():
        set_figures.draw_counts_vs_duration(tmp_path / "a.png", KINDS[0], table)
    assert widths[0] > 0.5


MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</td></table></pre></main><iframe src=javascript:alert(1)>",
    "<!-- --><style>*{display:none}</style><base href=//evil>",
    "&lt;script&gt; &#60;b&#62; \u202e {{ 7 * 7 }} {% raw %}",
    "]]><svg/onload=alert(1)>\x00<b",
]


class Structure(HTMLParser):
    """Everything in a page but its text: elements with attributes, comments, declarations."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found, self.text, self.policy = [], "", ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, attrs))
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, tag):
        self.found.append(tag)

    def handle_comment(self, data):
        self.found.append(("comment", data))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    made = MadeResults(
        tmp_path_factory.mktemp("made"), layers=["pool1"], kinds=KINDS[:1], trained=False
    )
    made.add_video("bikes", 30)
    made.add_video("cars", 30)
    made.add_set()
    return made


def pages_with(made, words) -> list[Structure]:
    """Pages on which `words` stand wherever a user, a file or a server can put them."""
    for video in made.videos:
        facts = made.path("videos", f"{video}.json")
        write_json(facts, read_json(facts) | dict.fromkeys(("path", "codec", "sar"), words))
        quality = made.path("quality", f"{video}.tsv")
        table = pd.DataFrame({"note": ["n"], "level": ["info"], "value": [1.0], "message": [words]})
        made.table(quality, table)
    config = copy.deepcopy(made.config)
    try:
        made.config |= {"videos": words}
        made.config["network"]["weights"] = made.config["pathvars"]["results"] = words
        made.config["duration"]["apply"] = words
        page = page_of(made, "bikes")
        names = dict.fromkeys(made.videos, words)
        overview = overview_with(made, words, names)
    finally:
        made.config = config
    return [Structure(page), Structure(overview)]


def overview_with(made, words, names) -> str:
    weights = {"model": "vgg19", "source": words, "asked": words, "trained": False}
    weights |= {"sha256": words, "origin": words, "reason": words}
    path = made.path("odd_weights.json")
    write_json(path, weights)
    return overview_of(made, scenes=names, groups=names, weights=path)


@pytest.mark.parametrize("words", MARKUP)
def test_no_words_become_part_of_a_page_s_structure(made, words):
    plain, hostile = pages_with(made, "plain"), pages_with(made, words)
    for one, other in zip(plain, hostile, strict=True):
        assert one.found == other.found
        assert words.replace("\x00", "") in other.text.replace("\x00", "").replace("\ufffd", "")
        assert not {"script", "iframe", "base", "object"} & {tag[0] for tag in other.found}
        assert "default-src 'none'" in other.policy


@pytest.mark.parametrize("words", [*MARKUP, "**b** [x](javascript:x) ![i](//evil) `c`\n\n# Head"])
def test_words_of_a_server_are_text_in_the_methods(made, words):
    """Markdown passes HTML on; `<urlopen error …>` would not be shown."""
    names = dict.fromkeys(made.videos, "x")
    overview_with(made, words, names)
    lines = made.path("report", "methods.md").read_text(encoding="utf-8").split("\n")
    (warning,) = [line for line in lines if "UNTRAINED NETWORK" in line]
    told = warning.removeprefix("**").removesuffix("**")
    assert not re.search(r"(?<!\\)[<>&*_`\[\]]", told.replace("\\\\", ""))
    assert re.sub(r"\\(.)", r"\1", told).endswith(" ".join(words.split()))
    assert len([line for line in lines if line.startswith("#")]) == 2


# Weights


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def tar_of(path: Path) -> None:
    """PyTorch's oldest format, with a member that would be unpacked beside the folder."""
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages", "../escaped"):
            data = pickle.dumps(Malicious())
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


HOSTILE_WEIGHTS = {
    "legacy": lambda path: torch.save(
        {"a": Malicious()}, path, _use_new_zipfile_serialization=False
    ),
    "nested": lambda path: torch.save({"state_dict": {"features.0.bias": Malicious()}}, path),
    "wrapped": lambda path: torch.save({"epoch": 3, "optimizer": Malicious()}, path),
    "whole_model": lambda path: torch.save(torch.nn.Linear(2, 2), path),
    "torchscript": lambda path: torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path),
    "bare_pickle": lambda path: path.write_bytes(pickle.dumps(Malicious())),
    "numpy": lambda path: np.save(path.open("wb"), np.array([Malicious()]), allow_pickle=True),
    "numpy_zip": lambda path: np.savez(path.open("wb"), a=np.array([Malicious()])),
    "tar": tar_of,
}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", HOSTILE_WEIGHTS)
@pytest.mark.parametrize("forced", [False, True])
def test_no_weights_file_runs_code(tmp_path, monkeypatch, kind, forced):
    """Nor does it with the variable by which PyTorch can be told to trust all files."""
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    if forced:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    HOSTILE_WEIGHTS[kind](inner / "w.pth")
    refuse_weights(inner / "w.pth", "was not loaded")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "w.pth"]


def refuse_weights(asked, said) -> None:
    network = {"model": "alexnet", "weights": str(asked), "layers": ["conv1"]}
    with pytest.raises(UserError, match=said) as error:
        fetch_weights(network, 0, "out/w.pth", "out/w.json")
    in_one_line(error)


def conv1(**changes) -> dict:
    state = {"weight": torch.zeros(64, 3, 11, 11), "bias": torch.zeros(64), **changes}
    return {f"features.0.{name}": value for name, value in state.items()}


def test_an_archive_that_unpacks_to_much_is_not_unpacked(tmp_path):
    torch.save(conv1(), tmp_path / "plain.pth")
    bomb = tmp_path / "bomb.pth"
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            padding = bytes(2**24) if name.endswith("data.pkl") else b""
            packed.writestr(name, plain.read(name) + padding)
    assert bomb.stat().st_size < 2**18
    refuse_weights(bomb, "was not loaded")


def test_tensors_without_values(tmp_path):
    torch.save(conv1(weight=torch.empty(64, 3, 11, 11, device="meta")), tmp_path / "w.pth")
    refuse_weights(tmp_path / "w.pth", "features.0.weight is no plain tensor")
    torch.save(conv1(bias=torch.zeros(1).expand(10**12)), tmp_path / "w.pth")
    refuse_weights(tmp_path / "w.pth", "features.0.bias has the shape .1000000000000,.")


@pytest.mark.parametrize("name", ["x" * 300, "~nobody/w.pth", "/dev/zero", "/dev/stdin", "."])
def test_weights_under_impossible_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    refuse_weights(name, "is not a file; give imagenet")


# A folder for `make run`


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
