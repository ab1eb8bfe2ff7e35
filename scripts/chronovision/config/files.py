"""Reading of config files, YAML or JSON as Snakemake takes them."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from chronovision.core.messages import SHOWN_PATH, one_line
from chronovision.errors import UserError

#: Largest size of a file in bytes, so that a video given by mistake is not read as a whole.
MAX_BYTES = 2**20
#: Most levels in a file. Parsers take time or memory without bound for thousands of brackets.
MAX_LEVELS = 100
#: The parts of JSON's text that decide its keys: words, with the colon after a key, and braces.
JSON_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}]')


class Repeat(NamedTuple):
    """A key that stands twice in one section, and its line numbers."""

    key: str
    first: int
    second: int


def read_config(path: str | os.PathLike) -> dict[str, Any]:
    """Read the settings in a config file.

    Parameters
    ----------
    path : path-like
        File in YAML or JSON.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        The file cannot be read as YAML or JSON in UTF-8, holds no settings, or a key twice.
    """
    shown = one_line(path, SHOWN_PATH)
    text = _read_text(Path(path), shown)
    _require_unique_keys(text, shown)
    try:
        content = json.loads(text) if _is_json(text) else yaml.safe_load(text)
    # PyYAML fails in many ways: 2024-13-13 is a ValueError, `!!bool x` a KeyError.
    except Exception as error:
        raise _unreadable(shown, _reason(error, text)) from error
    if content is None:
        raise UserError(
            f"{shown}: holds no settings, and Snakemake refuses such a file: write `key: value` "
            "lines into it, or leave it out"
        )
    if not isinstance(content, dict):
        raise UserError(f"{shown}: not a config: `key: value` lines are needed")
    return content


def require_unique_keys(paths: Iterable[str | os.PathLike]) -> None:
    """Raise UserError for the first key that stands twice in a section of one of the files.

    YAML and JSON parsers take the last one and say nothing. The files are those that Snakemake has
    loaded already; a pipe cannot be read again and is left out.
    """
    for path in filter(os.path.isfile, paths):
        shown = one_line(path, SHOWN_PATH)
        _require_unique_keys(_read_text(Path(path), shown), shown)


def _read_text(path: Path, shown: str) -> str:
    if not os.path.isfile(path):
        there = "it is a folder or a pipe" if os.path.exists(path) else "there is no such file"
        raise _unreadable(shown, there)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unreadable(shown, f"it has over {MAX_BYTES} bytes")
        content = path.read_bytes()
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _unreadable(shown, "it is in UTF-16, not in UTF-8: save it as that")
        return content.decode("utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        no_text = isinstance(error, UnicodeDecodeError)
        raise _unreadable(shown, "it is no text in UTF-8" if no_text else str(error)) from error


def _unreadable(shown: str, reason: str) -> UserError:
    return UserError(f"{shown}: cannot be read as a config: {one_line(reason, SHOWN_PATH)}")


def _is_json(text: str) -> bool:
    """Return whether Snakemake, which tries JSON before YAML, takes the text for JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _require_unique_keys(text: str, shown: str) -> None:
    try:
        repeats = _json_repeats(text) if _is_json(text) else _yaml_repeats(text)
        found = next(repeats, None)
    except (yaml.YAMLError, ValueError) as error:
        raise _unreadable(shown, _reason(error, text)) from error
    if found:
        raise UserError(
            f"{shown}, line {found.second}: `{one_line(found.key)}` stands twice, first in line "
            f"{found.first}, and only the last one would count: put both together"
        )


def _yaml_repeats(text: str) -> Iterator[Repeat]:
    """From the parser's events, as what is constructed of them has no key twice."""
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    for event in events:
        yield from _repeats_within(event, events)


def _repeats_within(
    event: yaml.Event, events: Iterator[yaml.Event], name: str = "", level: int = 0
) -> Iterator[Repeat]:
    """Yield repeated keys of the node that begins with `event`; consumes its rest from `events`."""
    if level > MAX_LEVELS:
        raise ValueError(f"more than {MAX_LEVELS} levels")
    if isinstance(event, yaml.SequenceStartEvent):
        for item in takewhile(lambda one: not isinstance(one, yaml.SequenceEndEvent), events):
            yield from _repeats_within(item, events, name, level + 1)
    elif isinstance(event, yaml.MappingStartEvent):
        lines: dict[str, int] = {}
        for key in takewhile(lambda one: not isinstance(one, yaml.MappingEndEvent), events):
            full, line = name, key.start_mark.line + 1
            if isinstance(key, yaml.ScalarEvent):
                full = f"{name}.{key.value}" if name else key.value
                # Several << are all merged.
                if key.value in lines and key.value != "<<":
                    yield Repeat(full, lines[key.value], line)
                lines.setdefault(key.value, line)
            yield from _repeats_within(key, events, name, level + 1)
            yield from _repeats_within(next(events), events, full, level + 1)


def _json_repeats(text: str) -> Iterator[Repeat]:
    """In text that is JSON: YAML's parsers stumble over its tabs and surrogates."""
    sections: list[dict[str, int]] = []
    line, counted = 1, 0
    for token in JSON_TOKEN.finditer(text):
        line, counted = line + text.count("\n", counted, token.start()), token.start()
        if token[0] == "{":
            sections.append({})
        elif token[0] == "}":
            sections.pop()
        elif token[2]:
            key = json.loads(token[1])
            if key in sections[-1]:
                yield Repeat(key, sections[-1][key], line)
            sections[-1].setdefault(key, line)


def _reason(error: Exception, text: str) -> str:
    """Return a parser's message, with the line before it."""
    mark = getattr(error, "problem_mark", None)
    if mark is None or not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split()) or type(error).__name__
    lines = [*text.splitlines(), ""]
    line = lines[min(mark.line, len(lines) - 1)]
    hint = "; indent with spaces, not tabs" if line.lstrip(" ").startswith("\t") else ""
    return f"line {mark.line + 1}: {error.problem}{hint}"
