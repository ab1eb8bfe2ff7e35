"""The models as JSON Schema: for editors, for messages about wrong values, for tables of keys.

pydantic's own has a definition for each section and a list of alternatives for each key of several
types. Here each section stands where it belongs, and each key has one description, from which its
limits can be read without knowing which alternative they belong to.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from chronovision.config.models import Config


@cache
def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the config; keywords include the arguments of `key`."""
    schema = Config.model_json_schema()
    return _plain(schema, schema.pop("$defs"))


def keys_of(part: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name, as in ``frames.size``, and schema of each key in a part of the schema."""
    for name, inner in part["properties"].items():
        if "properties" in inner:
            yield from keys_of(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def _plain(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the schema with its sections in place, without alternatives and titles."""
    if "$ref" in part:
        return _plain(definitions[part["$ref"].rpartition("/")[2]], definitions)
    plain = _merge(part.pop("anyOf", []), definitions) | part
    plain.pop("title", None)
    if "properties" in plain:
        inner = plain["properties"].items()
        plain["properties"] = {name: _plain(one, definitions) for name, one in inner}
    for name in ("items", "additionalProperties"):
        if isinstance(plain.get(name), dict):
            plain[name] = _plain(plain[name], definitions)
    return plain


def _merge(alternatives: list[dict[str, Any]], definitions: dict[str, Any]) -> dict[str, Any]:
    """Alternatives of different types as one: of the other keywords each bears on one type."""
    merged: dict[str, Any] = {}
    types = []
    for one in alternatives:
        one = _plain(one, definitions)
        types.append(one.pop("type"))
        if "const" in one:
            one["pattern"] = f"^{one.pop('const')}$"
        merged |= one
    if "enum" in merged:
        return {"enum": [*merged["enum"], None]}
    return {"type": types, **merged} if types else {}
