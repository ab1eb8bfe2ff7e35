"""Which cases of a test `make check`, `make test` or only `make test-slow` runs."""

from collections.abc import Iterable

import pytest


def moderate_after(n: int, cases: Iterable) -> list:
    """Cases for `parametrize`; `make check` leaves out those after the first `n`."""
    return _marked_after(n, cases, pytest.mark.moderate)


def slow_after(n: int, cases: Iterable) -> list:
    """Cases for `parametrize`; `make test` leaves out those after the first `n`."""
    return _marked_after(n, cases, pytest.mark.slow)


def _marked_after(n: int, cases: Iterable, mark: pytest.MarkDecorator) -> list:
    # A named tuple, such as a variant, is one value.
    values = [case if type(case) is tuple else (case,) for case in cases]
    return [pytest.param(*value, marks=mark if at >= n else ()) for at, value in enumerate(values)]
