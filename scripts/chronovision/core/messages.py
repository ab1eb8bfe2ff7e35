"""Building blocks of messages: hints for mistyped names, quotations in one line."""

import difflib
from collections.abc import Iterable

#: Most characters of a path in a message.
SHOWN_PATH = 1000


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name: the nearest known names, else all of them."""
    known = [str(name) for name in known]
    near = difflib.get_close_matches(str(wrong), known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(known)}"


def nearest_names(wrong: str, known: Iterable[str]) -> str:
    """Return the five names nearest to a mistyped one, where too many are known to list all."""
    near = difflib.get_close_matches(str(wrong), list(known), n=5, cutoff=0.3)
    return ", ".join(near) or "none"


def one_line(text: object, most: int = 100) -> str:
    """Return `text` in one line for a message: shortened, without characters that move a cursor."""
    shown = str(text)
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)


def quoted(value: object, most: int = 100) -> str:
    """Return `value` as one line, in quotation marks if it is text."""
    return one_line(repr(value), most)
