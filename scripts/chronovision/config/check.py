"""Check of the config: one clear line for the first mistake, defaults for what is absent."""

import math
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match

from chronovision.core.messages import did_you_mean, one_line, quoted
from chronovision.core.paths import UNCARRIABLE, is_too_long
from chronovision.errors import UserError

#: Values and levels that a config may have: a few lines of YAML can stand for billions of values,
#: or for a list that holds itself, and to compare thousands of values takes seconds.
MAX_VALUES, MAX_DEPTH = 2000, 10
#: Rows of one video in the table of clips, which memory must hold for all videos together.
MAX_ROWS = 1_000_000
#: Numbers that have no short decimals, as text: 1/6.
FRACTION = re.compile(r"[0-9]{1,6}/[1-9][0-9]{0,5}")
#: What YAML, unlike JSON and Python, does not take for a number.
EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")
#: Characters of a message about the config.
MAX_MESSAGE = 600

#: JSON Schema takes 224.0 for an integer; what is computed with it would not.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def read_fraction(value: object) -> object:
    """A fraction as text, such as ``1/6``, as a number; whatever else it is, as it is."""
    if isinstance(value, str) and FRACTION.fullmatch(value):
        return float(Fraction(value))
    return value


def check_config(config: dict, schema_path: str | os.PathLike) -> None:
    """Validate `config` against the schema and fill in the schema's defaults, in place.

    Parameters
    ----------
    config : as Snakemake loaded it.
    schema_path : JSON Schema 2020-12 in YAML.

    Raises
    ------
    UserError : unknown key, wrong type or range, keys that contradict each other.
    """
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    for problem in _beyond_schemas(config):
        raise UserError(f"config: {one_line(problem, MAX_MESSAGE)}")
    frames = config.get("frames")
    if isinstance(frames, dict) and "step_s" in frames:
        frames["step_s"] = read_fraction(frames["step_s"])
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        raise UserError(f"config: {one_line(_describe(error), MAX_MESSAGE)}")
    _fill_defaults(config, schema)
    _settle_paths(config)
    for problem in _contradictions(config):
        raise UserError(f"config: {one_line(problem, MAX_MESSAGE)}")


def _settle_paths(config: dict) -> None:
    """Write out the ``~`` of a user's home in paths, in place, and refuse what no run can use."""
    network, duration, pathvars = config["network"], config["duration"], config["pathvars"]
    config["videos"] = os.path.expanduser(config["videos"])
    for section, key, name in (
        (network, "weights", "network.weights"),
        (duration, "apply", "duration.apply"),
        (pathvars, "results", "pathvars.results"),
    ):
        path = section[key]
        # A user's home is not looked up under a name that holds a NUL.
        if path is not None and not UNCARRIABLE.search(path):
            path = section[key] = os.path.expanduser(path)
        if path is not None and UNCARRIABLE.search(path):
            raise UserError(
                f"config: {name}: {quoted(path)} holds braces, a <name> or control "
                "characters, which Snakemake cannot carry: rename the file or link to it"
            )
    results = pathvars["results"]
    if results.startswith("~"):
        raise UserError(
            f"config: pathvars.results: {quoted(results)} is in no user's home folder: write the "
            "path out"
        )
    if is_too_long(results):
        raise UserError(
            f"config: pathvars.results: {quoted(results)} is longer than paths, or names in them, "
            "can be: shorten it"
        )


def refuse_missing(path: str | None, key: str) -> None:
    """Raise UserError if the file that a key names is not there; None is no file."""
    if path is not None and not os.path.isfile(path):
        raise UserError(f"config: {key}: no such file {Path(path).absolute()}: correct the path")


def _beyond_schemas(config: Mapping) -> Iterator[str]:
    """What would break the validation itself, or every later step."""
    waiting: deque = deque([("", config, 0)])
    values = 0
    while waiting:
        key, value, depth = waiting.popleft()
        values += 1
        if values > MAX_VALUES or depth > MAX_DEPTH:
            yield (
                f"{one_line(key)}: more than {MAX_VALUES} values in all, or more than {MAX_DEPTH} "
                "levels: shorten it"
            )
            return  # there may be no end to it
        if isinstance(value, int | float) and not _is_finite(value):
            large = "too large" if isinstance(value, int) else value
            yield f"{key} is {large}; a finite number is needed"
        if isinstance(value, Mapping):
            odd = [type(name).__name__ for name in value if not isinstance(name, str)]
            if odd:
                yield f"{key or 'it'} has a key of type {odd[0]}, not text: put the key in quotes"
        items = value.items() if isinstance(value, Mapping) else ()
        items = enumerate(value) if isinstance(value, list) else items
        for name, inner in islice(items, MAX_VALUES):
            waiting.append((f"{key}.{name}" if key else name, inner, depth + 1))


def _is_finite(number: float) -> bool:
    """Whether a number, of which an `int` may have any size, is a finite float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _describe(error: ValidationError) -> str:
    """One line for a schema error, naming the key as a user would write it."""
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = next(name for name in error.instance if name not in known)
        full = one_line(f"{key}.{unknown}" if key else unknown)
        return f"unknown key {full}: {did_you_mean(unknown, known)}"
    if error.validator == "enum" and isinstance(error.instance, str):
        hint = did_you_mean(error.instance, error.validator_value)
        return f"{key}: {quoted(error.instance)} is not possible: {hint}"
    shown, meaning = quoted(error.instance), error.schema.get("description", "")
    if error.validator == "pattern" and meaning:
        return f"{key}: {shown} does not match what is expected ({meaning})"
    if error.validator == "type" and EXPONENT.fullmatch(str(error.instance)):
        meaning = f"{meaning}; YAML reads it as text: with a dot and a sign, 1.0e+3, as a number"
    message = error.message.replace(repr(error.instance), shown, 1)
    return f"{key}: {message}" + (f" ({meaning})" if meaning else "")


def _fill_defaults(config: dict, schema: Mapping) -> None:
    for name, part in schema.get("properties", {}).items():
        if "properties" in part:
            _fill_defaults(config.setdefault(name, {}), part)
        elif "default" in part:
            config.setdefault(name, part["default"])


def _contradictions(config: Mapping) -> Iterator[str]:
    """What no schema of single keys can see."""
    frames, dynamic = config["frames"], config["thresholds"]["dynamic"]
    layers = config["network"]["layers"]
    if frames["fps"] and frames["every"] != 1:
        yield "frames.every and frames.fps are both set: set every: 1 or fps: null"
    for key, unset in (("fps", None), ("every", 1)):
        if frames["step_s"] and frames[key] != unset:
            default = "null" if unset is None else unset
            yield (
                f"frames.step_s and frames.{key} are both set: set step_s: null or {key}: {default}"
            )
    if (dynamic["tau_s"] is None) == (dynamic["tau_frames"] is None):
        yield (
            "thresholds.dynamic: set one of tau_s (seconds) and tau_frames (frames) and make the "
            "other null"
        )
    low, high = config["thresholds"]["percentiles"]
    if low >= high:
        yield f"thresholds.percentiles: {low} is not below {high}"
    for name in ("tmax", "tmin"):
        if isinstance(dynamic[name], Mapping):
            for layer in dynamic[name]:
                if layer not in layers:
                    hint = did_you_mean(layer, layers)
                    yield f"thresholds.dynamic.{name}: no layer {layer} in network.layers: {hint}"
    metrics = config["changes"]["metrics"]
    if (dynamic["tmax"] is not None or dynamic["tmin"] != "min") and len(metrics) > 1:
        yield (
            "thresholds.dynamic: a fixed tmax or tmin suits one metric, and changes.metrics asks "
            f"for {' and '.join(metrics)}: name one there, or set tmax: null and tmin: min"
        )
    clips = config["clips"]
    rows = clips["max_per_video"] * (1 + clips["snapshots"]) * clips["repeats"]
    if rows > MAX_ROWS:
        yield (
            f"clips: max_per_video × (1 + snapshots) × repeats is {rows}, and a video may have "
            f"{MAX_ROWS} rows in the table of clips: lower one of them"
        )
    if clips["mode"] == "random" and clips["max_per_video"] < len(clips["durations_s"]):
        yield (
            f"clips.max_per_video is {clips['max_per_video']}, less than one for each of the "
            f"{len(clips['durations_s'])} clips.durations_s: raise it, or name fewer durations"
        )
    for layer in config["network"]["keep_maps"]:
        if layer not in layers:
            hint = did_you_mean(layer, layers)
            yield f"network.keep_maps: no layer {layer} in network.layers: {hint}"
    needed = config["segments"]["min_layers"]
    if needed != "majority" and needed > len(layers):
        yield f"segments.min_layers is {needed}, but network.layers has only {len(layers)}"
