"""A config as an attacker or a tired student would write it: taken, or refused in one line."""

import copy
import json
import re
import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators
from pydantic import ValidationError

from chronovision.config.check import MAX_VALUES, check_config
from chronovision.config.models import Config
from chronovision.core.messages import one_line
from chronovision.errors import UserError
from support.hostile import (
    SCHEMA,
    configs,
    hostile,
    in_one_line,
    odd_keys,
)
from support.paths import PROJECT

SCHEMA_FILE = PROJECT / "workflow/schemas/config.schema.yaml"


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


@pytest.mark.moderate
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


@pytest.mark.moderate
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
