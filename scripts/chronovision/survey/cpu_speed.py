"""How fast this machine's CPU runs a network, in either precision."""

import os
import time
from collections.abc import Mapping

import torch
from torch import nn

from chronovision.features.engines import compile_for_cpu, native_bfloat16, openvino_has_bfloat16

#: Channels, height and width of the pictures in the trial, as in the middle of VGG.
CHANNELS, SIZE, LAYERS, PICTURES = 256, 56, 4, 2

#: Operations of one pass, in 10⁹: a multiplication and an addition per weight and position.
GFLOP = PICTURES * LAYERS * 2 * 9 * CHANNELS**2 * SIZE**2 / 1e9

#: How many times as fast another precision must be to be named.
WORTH_SAYING = 1.2
#: Threads that `extract_features` asks for.
NETWORK_CORES = 8

#: Seconds that a trial lasts.
TRIAL_S = 0.5


def measure_gflops(precision: str, threads: int) -> float | None:
    """Speed of 3 × 3 convolutions, in 10⁹ operations per second.

    Parameters
    ----------
    precision : ``float32`` or ``bfloat16``.
    threads : CPU threads to use.

    Returns
    -------
    The speed of the fastest pass; None for ``bfloat16`` on a CPU that would emulate it.
    """
    if precision == "bfloat16" and not (native_bfloat16() and openvino_has_bfloat16()):
        return None
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False) for _ in range(LAYERS)]
    example = torch.zeros(PICTURES, CHANNELS, SIZE, SIZE)
    request = compile_for_cpu(nn.Sequential(*layers), example, precision, threads)
    request = request.create_infer_request()
    request.infer()
    seconds, end = [], time.monotonic() + TRIAL_S
    while time.monotonic() < end or not seconds:
        start = time.perf_counter()
        request.infer()
        seconds.append(time.perf_counter() - start)
    return GFLOP / min(seconds)


def measure_speeds(device: str) -> dict[str, float | None]:
    """What the networks that run at once do on this CPU in either precision, in 10⁹ operations/s.

    `device` is the config's `network.device`; see `measure_gflops`.
    """
    cores = os.cpu_count() or 1
    threads = min(cores, NETWORK_CORES)
    # One network runs at a time, unless the device is the CPU.
    at_once = cores // threads if device == "cpu" else 1
    measured = {name: measure_gflops(name, threads) for name in ("float32", "bfloat16")}
    return {name: speed and speed * at_once for name, speed in measured.items()}


def describe_precision(precision: str, speeds: Mapping[str, float | None]) -> list[str]:
    """A line for the user if the other precision would be faster on this CPU, else none."""
    if speeds["bfloat16"] is None:
        emulated = "  network.precision: bfloat16 is emulated by this CPU: float32 is faster"
        return [emulated] if precision == "bfloat16" else []
    factor = speeds["bfloat16"] / speeds["float32"]
    if precision == "float32" and factor > WORTH_SAYING:
        return [
            f"  network.precision: bfloat16 would run the network {factor:.1f} times as fast "
            "on this CPU; what it changes: docs/method.md"
        ]
    return []
