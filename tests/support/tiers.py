"""Which cases of a test `make test` runs, and which only `make test-slow` does."""

from collections.abc import Iterable

import pytest


def slow_after(n: int, cases: Iterable) -> list:
    """Cases for `parametrize`; those after the first `n` are slow."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    marks = [() if number < n else pytest.mark.slow for number in range(len(values))]
    return [pytest.param(*value, marks=mark) for value, mark in zip(values, marks, strict=True)]
