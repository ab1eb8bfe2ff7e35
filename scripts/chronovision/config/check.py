"""Check of the config: one clear line for the first mistake, and defaults for absent keys."""

import math
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from chronovision.config.mistakes import describe_mistake
from chronovision.config.models import Config
from chronovision.core.messages import one_line
from chronovision.errors import UserError

#: Most values in a config. A few lines of YAML can stand for billions of values, and comparing
#: thousands of values takes seconds.
MAX_VALUES = 2000
#: Most levels in a config. A list in YAML can hold itself.
MAX_DEPTH = 10
#: Most characters of a message about the config.
MAX_MESSAGE = 600


def check_config(config: dict) -> None:
    """Check `config` and fill in the defaults, in place.

    Only text is replaced: the ``~`` of a path is written out, and a fraction becomes a number. A
    number stays as it was written, 1 or 1.0, because it is recorded, and a job whose record differs
    runs again.

    Parameters
    ----------
    config : dict
        The config as Snakemake loaded it.

    Raises
    ------
    UserError
        A key is unknown, a value has a wrong type or range, or keys contradict each other.
    """
    for problem in _problems_before_validation(config):
        raise _mistake(problem)
    try:
        checked = Config.model_validate(config)
    except ValidationError as error:
        raise _mistake(describe_mistake(error)) from None
    _fill(config, checked)


def require_file(path: str | None, key: str) -> None:
    """Raise UserError if the file that a key names does not exist; None names no file."""
    if path is not None and not os.path.isfile(path):
        raise UserError(f"config: {key}: no such file {Path(path).absolute()}: correct the path")


def _mistake(problem: str) -> UserError:
    return UserError(f"config: {one_line(problem, MAX_MESSAGE)}")


def _fill(section: dict, checked: BaseModel) -> None:
    """Put into a section the defaults that it lacks, and the values that its texts stand for."""
    for name, value in checked:
        if isinstance(value, BaseModel):
            _fill(section.setdefault(name, {}), value)
        elif isinstance(section.setdefault(name, value), str):
            section[name] = value


def _problems_before_validation(config: Mapping) -> Iterator[str]:
    """Yield mistakes that would break the validation itself, or everything after it."""
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
        items: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, Mapping | list):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, inner in islice(items, MAX_VALUES):
            waiting.append((f"{key}.{name}" if key else name, inner, depth + 1))


def _is_finite(number: float) -> bool:
    """Return whether a number is a finite float; an `int` may be too large for one."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
