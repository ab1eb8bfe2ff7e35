"""What others would do: the notebook, and the bare network that nothing can be faster than."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import openvino
import torch
from PIL import Image
from scipy.stats import pearsonr
from torch import nn
from torchvision.models import VGG19_Weights, vgg19
from torchvision.models.feature_extraction import create_feature_extractor

from chronovision.features.engines import PRECISIONS, compile_for_cpu, native_bfloat16, to_openvino

POOLS = {"features.4": 1, "features.9": 2, "features.18": 3, "features.27": 4, "features.36": 5}

#: Frames per pass that are tried. To compile takes PyTorch half a minute each time.
BATCHES = {"OpenVINO": (1, 4, 8, 16, 32), "OpenVINO, its own settings": (1, 8, 16)}
TORCH_BATCHES = (1, 8, 16)

#: Passes that are started before the first is waited for, where several run side by side.
IN_FLIGHT = 12

#: Seconds for which a candidate is timed, after one pass to warm up.
TRIAL_S = 4.0


def notebook_rate(pictures: list[Path]) -> float:
    """Frames per second of the plain way: one jpg at a time, float32, activations kept as arrays.

    Preprocessing is that of torchvision's weights, the difference is scipy's pearsonr.
    """
    model = create_feature_extractor(_vgg19(), {name: f"pool{i}" for name, i in POOLS.items()})
    prepare = VGG19_Weights.IMAGENET1K_V1.transforms()
    changes, previous = [], None
    start = 0.0
    for turn, picture in enumerate(pictures):
        if turn == 1:  # the first warms up
            start = time.perf_counter()
        image = prepare(Image.open(picture).convert("RGB"))[None]
        with torch.no_grad():
            now = {name: x.numpy().ravel() for name, x in model(image).items()}
        if previous is not None:
            changes.append([1 - pearsonr(previous[name], now[name])[0] for name in now])
        previous = now
    return (len(pictures) - 1) / (time.perf_counter() - start)


def limit_rates(precision: str, threads: int) -> list[dict]:
    """Speed of the bare network, pool5 alone, by each way of running it that there is.

    Returns
    -------
    name, batch and rate (frames per second) of each; of one that cannot be had name and reason.
    """
    rows = []
    for name in _candidates(precision, threads):
        try:
            for batch in BATCHES.get(name, TORCH_BATCHES):
                rate = limit_rate(precision, threads, name, batch, TRIAL_S)
                rows.append({"name": name, "batch": batch, "rate": rate})
        except Unavailable as error:
            rows.append({"name": name, "reason": str(error)})
    return rows


def limit_rate(precision: str, threads: int, name: str, batch: int, seconds: float) -> float:
    """Frames per second of the bare network, run in one of the ways of `limit_rates`."""
    torch.set_num_threads(threads)
    run = _candidates(precision, threads)[name](torch.rand(batch, 3, 224, 224) - 0.5)
    return batch * passes_per_second(run, seconds)


class Unavailable(Exception):
    """A way of running the network that this machine does not have."""


def _candidates(precision: str, threads: int) -> dict[str, Callable]:
    """Name -> function that makes, for a batch of images, a function that runs them once."""
    dtype = PRECISIONS[precision]

    def eager(images: torch.Tensor) -> Callable:
        return _guarded(_plain(dtype), images.to(dtype, memory_format=torch.channels_last))

    def frozen(images: torch.Tensor) -> Callable:
        images = images.to(dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            traced = torch.jit.freeze(torch.jit.trace(_plain(dtype), images))
        return _guarded(traced, images)

    def compiled(images: torch.Tensor) -> Callable:
        if not (shutil.which("g++") or shutil.which("clang++")):
            raise Unavailable("needs a C++ compiler, and there is none")
        images = images.to(dtype, memory_format=torch.channels_last)
        torch._inductor.config.freezing = True
        return _guarded(torch.compile(_plain(dtype)), images)

    return {
        "torch eager": eager,
        "torch.jit.freeze": frozen,
        "torch.compile": compiled,
        "OpenVINO": lambda images: _openvino(images, precision, threads),
        "OpenVINO, its own settings": lambda images: _openvino_by_itself(images, precision),
    }


def _openvino(images: torch.Tensor, precision: str, threads: int) -> Callable:
    """A bare pass of VGG19 by OpenVINO, nothing read and nothing kept."""
    if precision == "bfloat16" and not native_bfloat16():
        raise Unavailable("this CPU has no bfloat16 of its own")
    compiled = compile_for_cpu(_vgg19().features, images, precision, threads)
    request = compiled.create_infer_request()
    request.get_input_tensor().data[:] = images.numpy()

    def run() -> int:
        request.infer()
        return 1

    return run


def _openvino_by_itself(images: torch.Tensor, precision: str) -> Callable:
    """The same with as many streams as OpenVINO takes for throughput, all of them busy."""
    if precision == "bfloat16" and not native_bfloat16():
        raise Unavailable("this CPU has no bfloat16 of its own")
    model = to_openvino(_vgg19().features, images)
    hint = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[precision]
    settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint}
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(model, "CPU", settings))

    def run() -> int:
        for _ in range(IN_FLIGHT):
            queue.start_async({0: images.numpy()})
        queue.wait_all()
        return IN_FLIGHT

    return run


def passes_per_second(run: Callable[[], int], seconds: float) -> float:
    """Passes per second, after a call to warm up; `run` returns how many passes it made."""
    run()
    start, n = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        n += run()
    return n / spent


def _guarded(model: Callable, images: torch.Tensor) -> Callable:
    def run() -> int:
        with torch.inference_mode():
            model(images)
        return 1

    return run


def _plain(dtype: torch.dtype) -> nn.Module:
    return _vgg19().features.to(dtype=dtype, memory_format=torch.channels_last)


def _vgg19() -> nn.Module:
    torch.manual_seed(0)
    return vgg19(weights=None).eval()
