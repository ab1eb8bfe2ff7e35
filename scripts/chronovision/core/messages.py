"""Texts that messages are made of: hints for mistyped names, and quotations in one line."""

import difflib
from collections.abc import Iterable

#: Characters of a path that a message shows.
SHOWN_PATH = 1000


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name: the nearest known ones, else all of them."""
    known = [str(name) for name in known]
    near = difflib.get_close_matches(str(wrong), known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(known)}"


def one_line(text: object, most: int = 100) -> str:
    """`text` as a message can quote it: cut if long, and without anything that moves a cursor."""
    shown = str(text)
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)


def quoted(value: object, most: int = 100) -> str:
    """`value` in quotes, if it is text, and in one line."""
    return one_line(repr(value), most)
