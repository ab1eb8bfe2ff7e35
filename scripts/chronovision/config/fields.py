"""Building blocks of the config's models: sections, keys and kinds of values."""

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chronovision.core.messages import quoted
from chronovision.core.paths import UNCARRIABLE

T = TypeVar("T")

#: Fractions as text, for numbers without short decimals: 1/6.
FRACTION = re.compile(r"[0-9]{1,6}/[1-9][0-9]{0,5}")


class Section(BaseModel):
    """A section of the config: unknown keys and values of a wrong type are errors.

    The first line of the docstring is the section's description in the documentation.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    def contradictions(self) -> Iterator[str]:
        """Yield a message for each set of values that are possible alone, but not together."""
        yield from ()

    @model_validator(mode="after")
    def _require_consistent(self) -> Self:
        for problem in self.contradictions():
            raise ValueError(problem)
        return self


def key(
    default: Any,
    description: str,
    *,
    source: str,
    unit: str = "–",
    details: str = "",
    shown: str = "",
    why: str = "",
    **limits: Any,
) -> Any:
    """Return a key of the config, with everything that its documentation says of it.

    Parameters
    ----------
    default : object
        Its value if the config does not give one.
    description : str
        Possible values and their meaning, in a few words. It is the comment in config.yaml, and
        part of messages about a wrong value.
    source : str
        Who defined the default; "ours" if no publication does.
    unit : str, default '–'
        Unit, as in "s" or "frames/s".
    details : str, default ''
        Sentences that follow the description in the documentation, in Markdown.
    shown : str, default ''
        Text in place of the default in the documentation, in Markdown.
    why : str, default ''
        Reason for the limits.
    **limits : object
        Limits of the value, as pydantic's `Field` takes them.
    """
    about: dict[str, Any] = {
        "unit": unit,
        "source": source,
        "details": details,
        "shown": shown,
        "why": why,
    }
    return Field(default, description=description, json_schema_extra=about, **limits)


def _require_unique(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError(f"{quoted(values)} has non-unique elements")
    return values


class _Unique(AfterValidator):
    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict:
        return handler(schema) | {"uniqueItems": True}


#: Marks a list without repeated values.
UNIQUE = _Unique(_require_unique)


def read_fraction(value: T) -> T | float:
    """Return a fraction in text, such as ``1/6``, as a number; any other value as it is."""
    if isinstance(value, str) and FRACTION.fullmatch(value):
        return float(Fraction(value))
    return value


def write_out_home(path: str) -> str:
    """Return `path` with ``~`` expanded; ValueError if Snakemake cannot carry the path."""
    # A user's home is not looked up under a name that holds a NUL.
    whole = path if UNCARRIABLE.search(path) else os.path.expanduser(path)
    if UNCARRIABLE.search(whole):
        raise ValueError(
            f"{quoted(whole)} holds braces, a <name> or control characters, which Snakemake cannot "
            "carry: rename the file or link to it"
        )
    return whole


#: Path of a file, or a word in its place.
Path = Annotated[str, Field(min_length=1), AfterValidator(write_out_home)]
