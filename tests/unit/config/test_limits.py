"""Whatever the config's limits let through can be computed with."""

import json
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronovision.config.check import check_config
from chronovision.config.sections.clips import MAX_ROWS
from chronovision.core.files import write_json
from chronovision.duration.clip_design import Footage, describe_design, plan_clips
from chronovision.duration.folds import split_folds
from chronovision.duration.sampling import sample_clips
from chronovision.errors import UserError
from chronovision.features.pieces import piece_names, piece_window
from chronovision.report.methods import methods_paragraphs
from chronovision.salience.accumulators import run_accumulator
from chronovision.salience.thresholds import resolve_thresholds
from chronovision.segmentation.segments import find_boundaries, layers_needed
from chronovision.videos.selection import Frame, every_nth, expected_rows, frames_per_row, resample
from chronovision.videos.span import Span
from support.hostile import LIMITS, configs, in_one_line, keys
from support.paths import PROJECT
from support.results import MadeResults


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


@pytest.mark.moderate
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
        pieces = piece_names(folder / "info.json", Span(), minutes)
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
    assert abs(len(rows) - expected_rows(info, frames, Span())) <= 1
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
    noise = rng.standard_normal((59, 2))
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
    rows = sum(len(clip.lengths) for clip in sampled) * clips["repeats"]
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


def written(number) -> str:
    if number is None:
        return "–"
    return f"{number:g}" if number < 1e6 else f"{number:.0e}".replace("e+0", "e").replace("e+", "e")


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
