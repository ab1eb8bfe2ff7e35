"""Mistakes in the config, described in one line from pydantic's errors."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from chronovision.config.schema import config_schema
from chronovision.core.messages import did_you_mean, one_line, quoted

#: Numbers in JSON and Python that YAML reads as text.
EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")
#: Description of a mistake, by pydantic's type of the error.
WRONG = {
    "greater_than": "is less than or equal to the minimum of {gt:.15g}",
    "greater_than_equal": "is less than the minimum of {ge:.15g}",
    "less_than_equal": "is greater than the maximum of {le:.15g}",
    "string_too_long": "is too long",
    "too_long": "is too long",
    "string_unicode": "is no text in UTF-8",
}


class Mistake(NamedTuple):
    """One of pydantic's errors, with the key that it is about.

    Attributes
    ----------
    key : tuple of str
        Names of the section and of the key in it; no key if the section itself is wrong.
    inside : tuple of str or int
        Index or name of the item in the key's value, if only that item is wrong.
    part : dict
        Schema of the section, key or item.
    meaning : str
        Possible values.
    error : mapping
        The error as pydantic gives it.
    """

    key: tuple[str, ...]
    inside: tuple[str | int, ...]
    part: dict[str, Any]
    meaning: str
    error: Mapping[str, Any]

    @property
    def is_section(self) -> bool:
        """Return whether it is about a section rather than a key."""
        return "properties" in self.part

    @property
    def is_contradiction(self) -> bool:
        """Return whether each value is possible by itself."""
        return self.is_section and self.error["type"] == "value_error"

    @property
    def is_of_type(self) -> bool:
        """Return whether the value has none of the accepted types."""
        kind = self.error["type"]
        other = kind == "literal_error" and not isinstance(self.error["input"], str)
        return kind.endswith("_type") or other


def describe_mistake(error: ValidationError) -> str:
    """Describe the mistake that others may follow from: the first one nearest to the top.

    pydantic has an error for each type that a key accepts. The one whose type the value has is
    described.
    """
    found = [_locate(one) for one in error.errors(include_url=False)]
    first = min(found, key=lambda one: (one.is_contradiction, len(one.key)))
    of_key = [one for one in found if one.key == first.key]
    return _say(min(of_key, key=lambda one: (one.is_of_type, -len(one.inside))))


def _locate(error: Mapping[str, Any]) -> Mistake:
    part, names = config_schema(), list(error["loc"])
    key = []
    while names and names[0] in part.get("properties", {}):
        key.append(str(names.pop(0)))
        part = part["properties"][key[-1]]
    if "properties" in part:
        meaning = f"a section with the keys {', '.join(part['properties'])}"
    else:
        meaning = part["description"]
    types = part.get("type", [])
    if isinstance(types, list) and len({*types} - {"null"}) > 1:
        names = names[1:]  # pydantic's name of the type
    if names and "properties" not in part:
        part = part.get("items", part.get("additionalProperties", {}))
        meaning = part.get("description", meaning)
    return Mistake(tuple(key), tuple(names), part, meaning, error)


def _say(mistake: Mistake) -> str:
    kind, value, part = mistake.error["type"], mistake.error["input"], mistake.part
    name = ".".join(map(str, mistake.key + mistake.inside))
    if mistake.is_section and kind in ("extra_forbidden", "string_unicode"):
        unknown = value if kind == "string_unicode" else mistake.inside[0]
        full = one_line(".".join([*mistake.key, str(unknown)]))
        return f"unknown key {full}: {did_you_mean(str(unknown), part['properties'])}"
    if kind == "value_error":
        problem = str(mistake.error["ctx"]["error"])
        return problem if mistake.is_contradiction else f"{name}: {problem}"
    if "enum" in part:
        options = ["null" if option is None else option for option in part["enum"]]
        typed = value if isinstance(value, str) else ""
        return f"{name}: {quoted(value)} is not possible: {did_you_mean(typed, options)}"
    return f"{name}: {quoted(value)} {_wrong(mistake)}"


def _wrong(mistake: Mistake) -> str:
    kind, about = mistake.error["type"], mistake.error.get("ctx", {})
    value, meaning = mistake.error["input"], mistake.meaning
    if mistake.is_of_type:
        types = mistake.part["type"]
        shown = ", ".join(map(repr, [types] if isinstance(types, str) else types))
        if EXPONENT.fullmatch(one_line(value)):
            meaning += "; YAML reads it as text: with a dot and a sign, 1.0e+3, as a number"
        return f"is not of type {shown} ({meaning})"
    if kind in ("string_pattern_mismatch", "literal_error"):
        return f"does not match what is expected ({meaning})"
    if kind in ("too_short", "string_too_short"):
        short = "should be non-empty" if about["min_length"] == 1 else "is too short"
        return f"{short} ({meaning})"
    return f"{WRONG[kind].format(**about)} ({meaning})"
