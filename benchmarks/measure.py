"""Runs calls in processes of their own, for the time and the memory that they take."""

import multiprocessing
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What a call gave and took.

    seconds: of the call, the start of its process not included. peak_mb: greatest resident memory
    of the process, or of a program that it ran if that took more.
    """

    result: Any
    seconds: float
    peak_mb: float


def in_process(function: Callable, *args: object, **named: object) -> Cost:
    """Call `function` in a fresh process.

    Raises
    ------
    RuntimeError : the process failed; what it says is on the standard error.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sender, function, args, named))
    process.start()
    sender.close()
    try:
        cost = receiver.recv()
    except EOFError:
        cost = None
    process.join()
    if cost is None or process.exitcode:
        raise RuntimeError(f"{function.__module__}.{function.__name__} failed")
    return cost


def _serve(sender: Any, function: Callable, args: tuple, named: dict) -> None:
    start = time.perf_counter()
    result = function(*args, **named)
    seconds = time.perf_counter() - start
    # In kB, but bytes on macOS.
    unit = 1e6 if platform.system() == "Darwin" else 1e3
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    sender.send(Cost(result, seconds, max(_own_peak_mb(unit), child)))


def _own_peak_mb(unit: float) -> float:
    """Linux counts the memory of the process that started this one as its own in getrusage."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            (line,) = (line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def best_of(n: int, call: Callable[[], object]) -> float:
    """Seconds of the fastest of `n` calls."""
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
