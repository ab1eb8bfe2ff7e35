"""What the sections of the config are made of: their base, their keys and kinds of values."""

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chronovision.core.messages import quoted
from chronovision.core.paths import UNCARRIABLE

T = TypeVar("T")

#: Numbers that have no short decimals, as text: 1/6.
FRACTION = re.compile(r"[0-9]{1,6}/[1-9][0-9]{0,5}")


class Section(BaseModel):
    """A section of the config: no other keys than its own, no value taken for one of another type.

    The first line of the docstring says in the documentation what the section is about.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    def contradictions(self) -> Iterator[str]:
        """Of keys whose values are possible, but not together: a message for each case."""
        yield from ()

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
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
    """A key of the config, with all that its documentation says of it.

    Parameters
    ----------
    default : its value where the config does not give one.
    description : what may stand there and what it means, in a few words: the comment in
        config.yaml, and what a message about a wrong value shows.
    source : who defined the default; "ours" if no publication does.
    unit : as in "s" or "frames/s".
    details : sentences that follow the description in the documentation, in Markdown.
    shown : what stands for the default in the documentation, in Markdown.
    why : the reason for the limits.
    **limits : limits of the value, as pydantic's `Field` takes them.
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


#: Of a list: no value twice.
UNIQUE = _Unique(_require_unique)


def read_fraction(value: T) -> T | float:
    """A fraction as text, such as ``1/6``, as a number; whatever else it is, as it is."""
    if isinstance(value, str) and FRACTION.fullmatch(value):
        return float(Fraction(value))
    return value


def write_out_home(path: str) -> str:
    """`path` with the ``~`` of a user's home written out, refused if Snakemake cannot carry it."""
    # A user's home is not looked up under a name that holds a NUL.
    whole = path if UNCARRIABLE.search(path) else os.path.expanduser(path)
    if UNCARRIABLE.search(whole):
        raise ValueError(
            f"{quoted(whole)} holds braces, a <name> or control characters, which Snakemake cannot "
            "carry: rename the file or link to it"
        )
    return whole


#: A path of a file, or a word that stands in its place.
Path = Annotated[str, Field(min_length=1), AfterValidator(write_out_home)]
