"""Engines that run the network: OpenVINO on a CPU, PyTorch on CUDA.

Of what was measured on CPUs, OpenVINO is the fastest in either precision (benchmarks/README.md);
its float32 activations are those of PyTorch but for rounding. An engine works ahead: while it
runs a batch, the caller reads the next one and sums up the one before.
"""

import logging
import os
import pickle
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from chronovision.errors import UserError
from chronovision.features.networks import (
    NetworkSpec,
    channel_axis,
    normalisation,
)


@contextmanager
def _no_telemetry() -> Iterator[None]:
    """Let `import openvino_telemetry` fail, unless it is there already.

    OpenVINO would report to its makers that it is imported, and write into the user's home.
    """
    absent = "openvino_telemetry" not in sys.modules
    if absent:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # Python takes it
    try:
        yield
    finally:
        if absent:
            del sys.modules["openvino_telemetry"]


with _no_telemetry():
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

log = logging.getLogger(__name__)

#: Work that an engine has begun and will finish.
Work = TypeVar("Work")

#: Number of frames in a forward pass if `batch_size` is auto, by device.
AUTO_BATCH = {"cpu": 8, "cuda": 64}

#: Number of rows in a product of matrices, see `_linear`.
LINEAR_ROWS = 8

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(asked: str) -> str:
    """Return ``cpu`` or ``cuda`` for the config's ``network.device``.

    ``auto`` takes a GPU where there is one. A job that was given a GPU, as CUDA_VISIBLE_DEVICES or
    SLURM tell, must find it, so that no GPU of a cluster idles while the CPU works.

    Raises
    ------
    UserError
        A GPU was requested or given, and PyTorch finds none.
    """
    if asked == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    slurm = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS")
    given = visible not in ("", "-1", "NoDevFiles") or (slurm and visible == "")
    if asked == "cuda" or given:
        reason = "cuda" if asked == "cuda" else "auto, and the job was given a GPU"
        raise UserError(
            f"network.device is {reason}, but PyTorch {torch.__version__} finds no CUDA GPU: "
            "check the driver and that PyTorch's CUDA build suits it, or set network.device: cpu"
        )
    return "cpu"


def batch_size(network: Mapping, device: str) -> int:
    """Return the number of frames in a forward pass, for the config's ``network.batch_size``."""
    asked = network["batch_size"]
    return AUTO_BATCH[device] if asked == "auto" else int(asked)


def load_network(spec: NetworkSpec, weights: str | os.PathLike, shapes: Mapping) -> "Network":
    """Load the part of a network that its layers need, with its weights, on the CPU.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    weights : path-like
        File of `chronovision.features.weights.fetch_weights`.
    shapes : mapping
        Layer -> shape, see `chronovision.features.networks.NetworkSpec.activation_shapes`.

    Raises
    ------
    UserError
        The file does not hold these weights.
    """
    try:
        extractor = spec.with_weights(torch.load(weights, map_location="cpu", weights_only=True))
    except (ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{weights} does not hold the weights for network.layers "
            f"{', '.join(spec.layers)}: delete it, so that fetch_weights runs again"
        ) from error
    for module in extractor.modules():
        if isinstance(module, nn.Linear):
            module.forward = partial(_linear, module)
    return Network(extractor, spec.model, shapes)


class Network(nn.Module):
    """Module from pictures (B, H, H, 3) uint8 to activations, each layer's (B, C, P) float32."""

    def __init__(self, extractor: nn.Module, model: str, shapes: Mapping) -> None:
        """See `load_network`."""
        super().__init__()
        self.extractor = extractor
        self.axes = {layer: channel_axis(shape) for layer, shape in shapes.items()}
        mean, std = normalisation(model)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.dtype = torch.float32

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the activations in the order of the layers."""
        # A view of (B, H, W, 3) in this order is channels_last already.
        values = images.permute(0, 3, 1, 2).to(torch.float32) / 255
        outputs = self.extractor(((values - self.mean) / self.std).to(self.dtype))
        return tuple(self._by_channel(outputs[layer], axis) for layer, axis in self.axes.items())

    @staticmethod
    def _by_channel(output: torch.Tensor, axis: int) -> torch.Tensor:
        positions = output[..., None] if output.ndim == 2 else output.movedim(axis + 1, 1)
        return positions.flatten(2).to(torch.float32).contiguous()


def _linear(module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """Apply a fully connected layer so that the result for an image does not depend on the batch.

    Products of matrices are summed in an order that depends on the number of rows (convolutions'
    are not), so (B, C) goes through in blocks of `LINEAR_ROWS`.
    """
    if x.ndim != 2:
        return functional.linear(x, module.weight, module.bias)
    padded = functional.pad(x, (0, 0, 0, -len(x) % LINEAR_ROWS))
    blocks = [functional.linear(b, module.weight, module.bias) for b in padded.split(LINEAR_ROWS)]
    return torch.cat(blocks)[: len(x)]


def make_engine(
    network: Network, precision: str, device: str, batch: int, size: int, threads: int
) -> "Engine":
    """Return the engine for a device and a precision.

    Parameters
    ----------
    network : Network
        Network of `load_network`; the engine may change it.
    precision : {'float32', 'bfloat16'}
        Precision of the computation.
    device : str
        ``cpu``, ``cuda:0``, ``cuda:1`` ….
    batch : int
        Number of frames in a forward pass.
    size : int
        Height and width of the frames.
    threads : int
        CPU threads to use.
    """
    # Kernels for one frame differ from those for several: fewer are filled up.
    shape = (max(batch, 2), size, size, 3)
    if device != "cpu":
        return TorchEngine(network, precision, device, shape)
    if precision == "bfloat16" and not native_bfloat16():
        log.warning(
            "this CPU has no bfloat16 of its own and emulates it: network.precision: float32 is "
            "faster here and more exact"
        )
    if precision == "bfloat16" and not openvino_has_bfloat16():
        return TorchEngine(network, precision, device, shape)
    return OpenVinoEngine(network, precision, shape, threads)


def native_bfloat16() -> bool:
    """Return whether this CPU multiplies in bfloat16 by itself (AMX or AVX512-BF16)."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_bf16") or has.get("avx512_bf16"))


def openvino_has_bfloat16() -> bool:
    """Return whether OpenVINO computes in bfloat16 on this CPU, natively or emulated."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Engine(ABC, Generic[Work]):
    """Base of the engines, which run batches through a network one batch ahead of the caller."""

    #: What runs the network, for the log.
    name: str

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[list[np.ndarray]]:
        """Yield the activations, (B, C, P) float32 per layer, of each batch (B, H, H, 3) uint8.

        The arrays hold until the next ones are asked for.
        """
        started: deque[tuple[Work, int]] = deque()
        for turn, images in enumerate(batches):
            started.append((self._start(turn % 2, images), len(images)))
            if len(started) == 2:
                yield self._finish(*started.popleft())
        while started:
            yield self._finish(*started.popleft())

    @abstractmethod
    def _start(self, slot: int, images: np.ndarray) -> Work:
        """Begin to work on a batch, with the buffers of a `slot`, 0 or 1."""

    @abstractmethod
    def _finish(self, work: Work, n: int) -> list[np.ndarray]:
        """Wait for the work that `_start` began; return the first `n` activations of each layer."""


class OpenVinoEngine(Engine[openvino.InferRequest]):
    """The network, compiled for this CPU."""

    def __init__(
        self, network: Network, precision: str, shape: tuple[int, ...], threads: int
    ) -> None:
        """See `make_engine`; `shape` is that of a batch."""
        self.name = f"OpenVINO {openvino.__version__}"
        example = torch.zeros(shape, dtype=torch.uint8)
        compiled = compile_for_cpu(network, example, precision, threads)
        self.n_layers = len(compiled.outputs)
        self.requests = [compiled.create_infer_request() for _ in range(2)]

    def _start(self, slot: int, images: np.ndarray) -> openvino.InferRequest:
        request = self.requests[slot]
        request.get_input_tensor().data[: len(images)] = images
        request.start_async()
        return request

    def _finish(self, request: openvino.InferRequest, n: int) -> list[np.ndarray]:
        request.wait()
        return [request.get_output_tensor(i).data[:n] for i in range(self.n_layers)]


def compile_for_cpu(
    module: nn.Module, example: torch.Tensor, precision: str, threads: int
) -> openvino.CompiledModel:
    """Compile a module with OpenVINO for inputs of one shape, that of `example`."""
    hint = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[precision]
    settings = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Jobs side by side would be pinned to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(to_openvino(module, example), "CPU", settings)
    if compiled.get_property("INFERENCE_PRECISION_HINT") != hint:
        raise RuntimeError(f"OpenVINO does not compute in {precision} on this CPU")
    return compiled


def to_openvino(module: nn.Module, example: torch.Tensor) -> openvino.Model:
    """Return a module as a model of OpenVINO for inputs of one shape, that of `example`."""
    # OpenVINO complains to the root logger of decompositions that newer PyTorch does not have.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        program = torch.export.export(module.eval(), (example,), strict=False)
        decoder = TorchFXPythonDecoder.from_exported_program(program)
    finally:
        logging.disable(before)
    # openvino.convert_model would do the same, and report its use to its makers.
    frontend = FrontEndManager().load_by_framework("pytorch")
    model = frontend.convert(frontend.load(decoder))
    model.reshape(list(example.shape))
    return model


class TorchEngine(Engine[tuple]):
    """The network in PyTorch; on CUDA activations are copied while the next batch runs."""

    def __init__(
        self, network: Network, precision: str, device: str, shape: tuple[int, ...]
    ) -> None:
        """See `make_engine`; `shape` is that of a batch."""
        self.name = f"PyTorch {torch.__version__}"
        self.device = torch.device(device)
        self.network = network.to(self.device)
        self.network.dtype = PRECISIONS[precision]
        network.extractor.to(dtype=PRECISIONS[precision], memory_format=torch.channels_last)
        on_gpu = self.device.type == "cuda"
        self.inputs = [torch.zeros(shape, dtype=torch.uint8, pin_memory=on_gpu) for _ in range(2)]
        self.outputs: list = [None, None]
        self.copying = torch.cuda.Stream(self.device) if on_gpu else None

    @torch.inference_mode()
    def _start(self, slot: int, images: np.ndarray) -> tuple:
        self.inputs[slot][: len(images)] = torch.from_numpy(images)
        try:
            outputs = self.network(self.inputs[slot].to(self.device, non_blocking=True))
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"the GPU's memory is too small for {len(self.inputs[slot])} frames at a time: "
                "set network.batch_size to less"
            ) from error
        if self.copying is None:
            return outputs, None
        return self._fetch(slot, outputs, self.copying)

    def _fetch(
        self, slot: int, outputs: tuple[torch.Tensor, ...], copying: torch.cuda.Stream
    ) -> tuple:
        """Copy activations to pinned memory, on the stream `copying`."""
        if self.outputs[slot] is None:
            self.outputs[slot] = [
                torch.empty(output.shape, dtype=output.dtype, pin_memory=True) for output in outputs
            ]
        copying.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(copying):
            for kept, output in zip(self.outputs[slot], outputs, strict=True):
                kept.copy_(output, non_blocking=True)
                output.record_stream(copying)
            copied = torch.cuda.Event()
            copied.record()
        return self.outputs[slot], copied

    def _finish(self, work: tuple, n: int) -> list[np.ndarray]:
        outputs, copied = work
        if copied is not None:
            copied.synchronize()
        return [output.numpy()[:n] for output in outputs]


@contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    """Set the number of threads, and full float32 with deterministic kernels on GPUs."""
    before, matmul = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cuda.matmul.allow_tf32 = matmul
