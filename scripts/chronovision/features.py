"""From frames to features: what is stored of the layers' activations to each frame."""

import json
import logging
import os
import pickle
import platform
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from chronovision.errors import UserError
from chronovision.moments import BUCKETS, Moments, random_signs, summarise
from chronovision.networks import (
    activation_shapes,
    build_extractor,
    channel_axis,
    check_network,
    load_weights,
    normalisation,
)
from chronovision.provenance import add_step
from chronovision.store import new_h5, read_json, read_provenance

log = logging.getLogger(__name__)

#: Frames per forward pass when `batch_size` is auto.
AUTO_BATCH = {"cpu": 8, "cuda": 64}

#: Rows of a product of matrices, see `_linear`.
LINEAR_ROWS = 8

#: Rows per chunk of the datasets; a frame's maps are a chunk of their own.
CHUNK_ROWS = 64

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

PACKAGES = ("torch", "torchvision", "numpy", "h5py")


def extract_features(
    frames_path: str | os.PathLike,
    weights_pth: str | os.PathLike,
    weights_json: str | os.PathLike,
    output: str | os.PathLike,
    *,
    network: Mapping,
    seed: int,
    threads: int,
) -> None:
    """Run the network over a video's frames and store the moments of its layers.

    Frames are streamed, so that memory does not depend on the length of the video. On a CPU the
    numbers depend neither on the batch size nor on the number of threads.

    Parameters
    ----------
    frames_path : ``frames/{video}.h5``, `rgb` (n, H, H, 3) uint8 and the frames' times.
    weights_pth, weights_json : what `chronovision.weights.fetch_weights` wrote for `network`.
    output : ``features/{video}.h5``: `source_frame`, `time_s`, `key_frame` and the attributes of
        the frames; per layer the group ``layers/{layer}`` with attribute `units` = N and
        `channels` (n, C) float32, `mean` `std` `step_sq` (n,) float64, `sketch` (n, 512) float16
        (see `chronovision.moments`), and for `keep_maps` `maps` (n, …) in the network's shape.
    network : the config's section, all keys.
    seed : the config's seed, for the sketches' signs.
    threads : CPU threads to use.

    Raises
    ------
    UserError : unknown network or layer, frames of a size that the network cannot take, weights
        that do not fit, a GPU asked for and absent or too small, activations that are not
        finite or exceed float16.
    """
    check_network(network)
    device = choose_device(network["device"])
    with h5py.File(frames_path, "r") as frames:
        size = frames["rgb"].shape[1]
        shapes = activation_shapes(network["model"], network["layers"], size)
        provenance = _provenance(read_provenance(frames_path), weights_json, network, device)
        with _torch_settings(threads), new_h5(output, provenance) as file:
            _copy_clock(frames, file, network["layers"])
            n = len(frames["rgb"])
            sinks = [_LayerSink(file, layer, n, shapes[layer], network, seed) for layer in shapes]
            _stream(frames["rgb"], _Network(network, weights_pth, device), sinks, threads)


def _stream(rgb: h5py.Dataset, net: "_Network", sinks: list["_LayerSink"], threads: int) -> None:
    log.info("%s, %d threads: %d frames", net.description, threads, len(rgb))
    start = time.monotonic()
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(rgb), unit="frame", disable=None) as bar,
    ):
        for first, outputs in net.run(rgb):
            for sink in sinks:
                sink.store(first, outputs[sink.layer], pool)
            bar.update(len(outputs[sinks[0].layer]))
    seconds = time.monotonic() - start
    log.info("%d frames in %.1f s, %.2f frames per second", len(rgb), seconds, len(rgb) / seconds)


def _linear(module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """A fully connected layer whose result for an image does not depend on the batch.

    Products of matrices are summed in an order that depends on the number of rows (convolutions'
    are not), so (B, C) goes through in blocks of `LINEAR_ROWS`.
    """
    if x.ndim != 2:
        return functional.linear(x, module.weight, module.bias)
    padded = functional.pad(x, (0, 0, 0, -len(x) % LINEAR_ROWS))
    blocks = [functional.linear(b, module.weight, module.bias) for b in padded.split(LINEAR_ROWS)]
    return torch.cat(blocks)[: len(x)]


def choose_device(asked: str) -> str:
    """``cpu`` or ``cuda``, from the config's `network.device`.

    ``auto`` takes a GPU where there is one. A job that was given a GPU (CUDA_VISIBLE_DEVICES or
    SLURM say so) must find it, so that no cluster's GPU idles while the CPU works.

    Raises
    ------
    UserError : a GPU was asked for or given, and PyTorch finds none.
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


class _Network:
    """The extractor with its weights on its device, and how frames go through it."""

    def __init__(self, network: Mapping, weights_pth: str | os.PathLike, device: str) -> None:
        self.dtype = PRECISIONS[network["precision"]]
        self.device = device
        asked = network["batch_size"]
        self.batch = AUTO_BATCH[device] if asked == "auto" else int(asked)
        name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
        self.description = (
            f"{network['model']} up to {', '.join(network['layers'])} on {device} ({name}), "
            f"{network['precision']}, batch {self.batch}"
        )
        mean, std = normalisation(network["model"])
        self.mean = torch.tensor(mean, device=device).view(1, 3, 1, 1)
        self.std = torch.tensor(std, device=device).view(1, 3, 1, 1)
        extractor = build_extractor(network["model"], network["layers"])
        try:
            load_weights(extractor, torch.load(weights_pth, map_location="cpu", weights_only=True))
        except (ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(
                f"{weights_pth} does not hold the weights for network.layers "
                f"{', '.join(network['layers'])}: delete it, so that fetch_weights runs again"
            ) from error
        for module in extractor.modules():
            if isinstance(module, nn.Linear):
                module.forward = partial(_linear, module)
        self.extractor = extractor.to(device, self.dtype, memory_format=torch.channels_last)

    def run(self, rgb: h5py.Dataset) -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        """Yield (index of the first frame, layer -> float32 activations) for each batch."""
        # Kernels differ between shapes: each pass has the same one, at least two frames.
        padded = max(self.batch, 2)
        for first in range(0, len(rgb), self.batch):
            images = rgb[first : first + self.batch]
            filled = np.zeros((padded, *images.shape[1:]), np.uint8)
            filled[: len(images)] = images
            outputs = self._forward(torch.from_numpy(filled))
            yield first, {layer: output[: len(images)] for layer, output in outputs.items()}

    @torch.inference_mode()
    def _forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        try:
            # A view of (B, H, W, 3) in this order is channels_last already.
            values = images.to(self.device).permute(0, 3, 1, 2).to(torch.float32) / 255
            outputs = self.extractor(((values - self.mean) / self.std).to(self.dtype))
            return {layer: output.to(torch.float32) for layer, output in outputs.items()}
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"the GPU's memory is too small for {len(images)} frames at a time: "
                "set network.batch_size to less"
            ) from error


class _LayerSink:
    """The datasets of one layer, and the previous frame's activation for the step."""

    def __init__(
        self,
        file: h5py.File,
        layer: str,
        n: int,
        shape: tuple[int, ...],
        network: Mapping,
        seed: int,
    ) -> None:
        self.layer = layer
        self.axis = channel_axis(shape)
        units = int(np.prod(shape))
        self.signs = random_signs(seed, layer, units)
        self.previous: np.ndarray | None = None
        group = file.create_group(f"layers/{layer}")
        group.attrs["units"] = units
        self.datasets = {
            name: _dataset(group, name, (n, *row), dtype)
            for name, row, dtype in [
                ("channels", (shape[self.axis],), np.float32),
                ("mean", (), np.float64),
                ("std", (), np.float64),
                ("step_sq", (), np.float64),
                ("sketch", (BUCKETS,), np.float16),
            ]
        }
        self.maps = None
        if layer in network["keep_maps"]:
            self.maps = _dataset(group, "maps", (n, *shape), network["maps_dtype"], rows=1)

    def store(self, first: int, output: torch.Tensor, pool: ThreadPoolExecutor) -> None:
        """Write the rows from `first` on; `output` (B, …) are their activations."""
        rows = slice(first, first + len(output))
        positions = output[..., None] if output.ndim == 2 else output.movedim(self.axis + 1, 1)
        now = positions.flatten(2).contiguous().cpu().numpy()
        before = [self.previous, *now[:-1]]
        tasks = [
            pool.submit(summarise, x, previous, self.signs)
            for x, previous in zip(now, before, strict=True)
        ]
        results = [self._result(task, first + i) for i, task in enumerate(tasks)]
        self.previous = now[-1].copy()
        for name, values in zip(Moments._fields, zip(*results, strict=True), strict=True):
            self.datasets[name][rows] = np.stack(values)
        if self.maps is not None:
            self.maps[rows] = self._maps(output.cpu().numpy())

    def _result(self, task: Future, frame: int) -> Moments:
        try:
            return task.result()
        except FloatingPointError as error:
            raise UserError(
                f"layer {self.layer} has {error} at frame {frame}: the weights do not suit the "
                "network, or network.precision does not"
            ) from error

    def _maps(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            maps = values.astype(self.maps.dtype)
        if not np.isfinite(maps).all():
            raise UserError(
                f"layer {self.layer} has activations beyond {self.maps.dtype}'s range: set "
                "network.maps_dtype: float32"
            )
        return maps


def _dataset(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: object, rows: int = CHUNK_ROWS
) -> h5py.Dataset:
    chunk = (min(rows, shape[0]), *shape[1:])
    return group.create_dataset(
        name, shape, dtype, chunks=chunk, shuffle=True, compression="gzip", compression_opts=1
    )


def _copy_clock(frames: h5py.File, file: h5py.File, layers: list[str]) -> None:
    """The frames' times and what is known of their decoding, without the pictures."""
    for name in ("source_frame", "time_s", "key_frame"):
        file[name] = frames[name][:]
    for name, value in frames.attrs.items():
        if name != "provenance":
            file.attrs[name] = value
    file.attrs["layers"] = json.dumps(list(layers))


def _provenance(
    record: Mapping, weights_json: str | os.PathLike, network: Mapping, device: str
) -> dict:
    weights = read_json(weights_json)
    if weights["model"] != network["model"]:
        raise UserError(
            f"{weights_json} describes weights of {weights['model']}, not of "
            f"network.model {network['model']}"
        )
    used = {
        "model": network["model"],
        "weights": weights["source"],
        "weights_sha256": weights["sha256"],
        "trained": weights["trained"],
        "layers": list(network["layers"]),
        "precision": network["precision"],
        "device": device,
    }
    return {**add_step(record, "extract_features", network, PACKAGES), "network": used}


@contextmanager
def _torch_settings(threads: int) -> Iterator[None]:
    """The number of threads, and full float32 on GPUs by kernels that repeat themselves."""
    before, matmul = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cuda.matmul.allow_tf32 = matmul
