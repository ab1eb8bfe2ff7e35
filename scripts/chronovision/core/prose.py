"""Lists and numbers as sentences of the report have them."""

from collections.abc import Iterable
from fractions import Fraction


def join_words(words: Iterable[object]) -> str:
    """Words as a sentence lists them: a, b and c."""
    *others, last = map(str, words)
    return f"{', '.join(others)} and {last}" if others else last


def written_step(step_s: float) -> str:
    """Return a step in seconds as a config would write it: 1/6 rather than 0.166667."""
    fraction = Fraction(step_s).limit_denominator(1000)
    is_equal = abs(fraction - Fraction(step_s)) < Fraction(1, 10**9)
    decimals = f"{step_s:.6g}"
    return min(decimals, str(fraction), key=len) if is_equal else decimals
