"""Check of the config: one clear line for the first mistake, defaults for what is absent."""

import difflib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match

from chronovision.errors import UserError

#: What Snakemake takes as part of its own syntax, or cannot carry, in a path.
UNCARRIABLE = re.compile(r"[{}\x00-\x1f\x7f]|<[a-z][a-z0-9_]*>")

#: JSON Schema takes 224.0 for an integer; what is computed with it would not.
Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name: the nearest known ones, else all of them."""
    known = [str(name) for name in known]
    near = difflib.get_close_matches(str(wrong), known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(known)}"


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
    _refuse_non_finite(config, "")
    error = best_match(Validator(schema).iter_errors(config))
    if error is not None:
        raise UserError(f"config: {_describe(error)}")
    _fill_defaults(config, schema)
    for section, key in (("network", "weights"), ("duration", "apply")):
        path = config[section][key]
        if path is not None and UNCARRIABLE.search(path):
            raise UserError(
                f"config: {section}.{key}: {path!r} holds braces, a <name> or control characters, "
                "which Snakemake cannot carry: rename the file or link to it"
            )
        config[section][key] = path and os.path.expanduser(path)
    for problem in _contradictions(config):
        raise UserError(f"config: {problem}")


def refuse_missing(path: str | None, key: str) -> None:
    """Raise UserError if the file that a key names is not there; None is no file."""
    if path is not None and not Path(path).is_file():
        raise UserError(f"config: {key}: no such file {Path(path).absolute()}: correct the path")


def _refuse_non_finite(value: object, key: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"config: {key} is {value}; a finite number is needed")
    items = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for name, inner in items:
        _refuse_non_finite(inner, f"{key}.{name}".lstrip("."))


def _describe(error: ValidationError) -> str:
    """One line for a schema error, naming the key as a user would write it."""
    key = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = next(name for name in error.instance if name not in known)
        full = f"{key}.{unknown}".lstrip(".")
        return f"unknown key {full}: {did_you_mean(unknown, known)}"
    if error.validator == "enum" and isinstance(error.instance, str):
        hint = did_you_mean(error.instance, error.validator_value)
        return f"{key}: {error.instance!r} is not possible: {hint}"
    meaning = error.schema.get("description", "")
    return f"{key}: {error.message}" + (f" ({meaning})" if meaning else "")


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
