"""Speed of this machine's CPU when it runs a network, in either precision."""

import os
import time
from typing import NamedTuple

import torch
from torch import nn

from chronovision.features.engines import compile_for_cpu, native_bfloat16, openvino_has_bfloat16

#: Channels of the trial's convolutions, as in the middle of VGG.
CHANNELS = 256
#: Height and width of their input in pixels.
SIZE = 56
#: Number of convolutions, one after the other.
LAYERS = 4
#: Number of pictures that go through them at a time.
PICTURES = 2

#: Operations of one pass, in 10⁹: a multiplication and an addition per weight and position.
GFLOP = PICTURES * LAYERS * 2 * 9 * CHANNELS**2 * SIZE**2 / 1e9

#: Least gain in speed for which another precision is recommended.
WORTH_SAYING = 1.2
#: Most threads that `extract_features` requests.
NETWORK_CORES = 8

#: Duration of a trial in seconds.
TRIAL_S = 0.5


class Speeds(NamedTuple):
    """Speed of all networks that run at the same time, in 10⁹ operations per second.

    Attributes
    ----------
    float32 : float
        Speed in float32.
    bfloat16 : float or None
        Speed in bfloat16; None on a CPU that would emulate it.
    """

    float32: float
    bfloat16: float | None


def measure_gflops(precision: str, threads: int) -> float:
    """Measure the speed of 3 × 3 convolutions, in 10⁹ operations per second.

    Parameters
    ----------
    precision : {'float32', 'bfloat16'}
        Precision of the network.
    threads : int
        CPU threads to use.

    Returns
    -------
    float
        Speed of the fastest pass.
    """
    layers = [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False) for _ in range(LAYERS)]
    example = torch.zeros(PICTURES, CHANNELS, SIZE, SIZE)
    request = compile_for_cpu(nn.Sequential(*layers), example, precision, threads)
    request = request.create_infer_request()
    request.infer()
    seconds: list[float] = []
    end = time.monotonic() + TRIAL_S
    while time.monotonic() < end or not seconds:
        start = time.perf_counter()
        request.infer()
        seconds.append(time.perf_counter() - start)
    return GFLOP / min(seconds)


def measure_speeds(device: str) -> Speeds:
    """Measure the speeds of this CPU; `device` is the config's ``network.device``."""
    cores = os.cpu_count() or 1
    threads = min(cores, NETWORK_CORES)
    # One network runs at a time, unless the device is the CPU.
    at_once = cores // threads if device == "cpu" else 1
    native = native_bfloat16() and openvino_has_bfloat16()
    return Speeds(
        float32=measure_gflops("float32", threads) * at_once,
        bfloat16=measure_gflops("bfloat16", threads) * at_once if native else None,
    )


def describe_precision(precision: str, speeds: Speeds) -> list[str]:
    """Return a line for the user if the other precision would be faster on this CPU, else none."""
    if speeds.bfloat16 is None:
        emulated = "  network.precision: bfloat16 is emulated by this CPU: float32 is faster"
        return [emulated] if precision == "bfloat16" else []
    factor = speeds.bfloat16 / speeds.float32
    if precision == "float32" and factor > WORTH_SAYING:
        return [
            f"  network.precision: bfloat16 would run the network {factor:.1f} times as fast "
            "on this CPU; what it changes: docs/method.md"
        ]
    return []
