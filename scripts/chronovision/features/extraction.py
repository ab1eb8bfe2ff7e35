"""Feature extraction: frames go through the network, and moments of the activations are stored."""

import json
import logging
import math
import os
import platform
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch
from tqdm import tqdm

from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5, rows_dataset
from chronovision.core.provenance import add_step, read_provenance
from chronovision.errors import UserError
from chronovision.features.engines import (
    Engine,
    batch_size,
    choose_device,
    load_network,
    make_engine,
    torch_settings,
)
from chronovision.features.moments import BUCKETS, Moments, random_signs, summarise
from chronovision.features.networks import NetworkSpec, channel_axis
from chronovision.jobs.locks import acquire_gpu

log = logging.getLogger(__name__)

#: Most rows that go through the network at a time, in batches, where pictures repeat.
MOST_REPEATS = 4

#: Packages whose versions bear on features.
PACKAGES = ("torch", "torchvision", "openvino", "numba", "numpy", "h5py")


def extract_features(
    *,
    frames: str | os.PathLike,
    weights: str | os.PathLike,
    facts: str | os.PathLike,
    network: Mapping,
    seed: int,
    threads: int,
    window: tuple[float, float] | None = None,
    locks: str | os.PathLike | None = None,
    features: str | os.PathLike,
) -> None:
    """Run the network over a video's frames and store the moments of its layers.

    Frames are streamed, so that memory does not depend on the length of the video. A frame that
    repeats the one before goes through the network once. On a CPU the numbers depend neither on the
    batch size nor on the number of threads.

    Parameters
    ----------
    frames : path-like
        ``frames/{video}.h5`` with `rgb` (n, H, H, 3) uint8 and the frames' times.
    weights, facts : path-like
        Files of `chronovision.features.weights.fetch_weights` for `network`.
    network : mapping
        The config's ``network``, all keys.
    seed : int
        The config's ``seed``, for the signs of the sketches.
    threads : int
        CPU threads to use.
    window : (float, float), optional
        Start and end of the rows to extract, in seconds of `time_s`: start ≤ time < end. The first
        row's step is from the row before it.
    locks : path-like, optional
        Folder of the locks by which jobs on one machine share its GPUs. By default the first GPU is
        used.
    features : path-like
        HDF5 to write, ``features/{video}.h5``, with `source_frame`, `time_s`, `key_frame` and the
        attributes of the frames. Each layer has a group ``layers/{layer}`` with the attribute
        `units` = N and the datasets `channels` (n, C) float32, `mean` `std` `step_sq` (n,) float64
        and `sketch` (n, 512) float16, see `chronovision.features.moments`. With `keep_maps` it also
        has `maps` (n, …) in the network's shape.

    Raises
    ------
    UserError
        The network or a layer is unknown, the network cannot take frames of this size, or weights
        do not fit. A requested GPU is absent, taken or too small. Activations are not finite or
        exceed float16.
    """
    spec = NetworkSpec.build(network["model"], network["layers"])
    about = _weights_facts(facts, network)
    device = choose_device(network["device"])
    with h5py.File(frames, "r") as source, torch_settings(threads):
        size = source["rgb"].shape[1]
        shapes = spec.activation_shapes(size)
        rows = _rows(source["time_s"][:], window)
        loaded = load_network(spec, weights, shapes)
        batch = batch_size(network, device)
        with ExitStack() as stack:
            place = stack.enter_context(_own_gpu(device, locks))
            engine = make_engine(loaded, network["precision"], place, batch, size, threads)
            used = {"device": device, "engine": engine.name.split()[0]}
            asked = {**network, "seed": seed}
            provenance = _provenance(read_provenance(frames), about, asked, used)
            expected_bytes = len(rows) * sum(
                _row_bytes(name, shapes[name], network) for name in shapes
            )
            file = stack.enter_context(new_h5(features, provenance, expected_bytes=expected_bytes))
            _copy_clock(source, file, network["layers"], rows)
            writers = [_LayerWriter(file, name, shapes[name], network, seed) for name in shapes]
            log.info(
                "%s up to %s on %s (%s, %s), %s, batch %d, %d threads: %d frames",
                network["model"],
                ", ".join(network["layers"]),
                place,
                _processor(place),
                engine.name,
                network["precision"],
                batch,
                threads,
                len(rows),
            )
            _stream(source["rgb"], rows, engine, writers, batch, threads)


def _rows(time_s: np.ndarray, window: tuple[float, float] | None) -> range:
    """Return the rows of the frames within a window; times never go back."""
    if window is None:
        return range(len(time_s))
    start, stop = np.searchsorted(time_s, window, side="left")
    return range(int(start), int(stop))


def _row_bytes(layer: str, shape: tuple[int, ...], network: Mapping) -> int:
    """Return about how many bytes a layer takes per row, before compression."""
    n_bytes = 4 * shape[channel_axis(shape)] + 3 * 8 + 2 * BUCKETS
    if layer in network["keep_maps"]:
        n_bytes += math.prod(shape) * np.dtype(network["maps_dtype"]).itemsize
    return n_bytes


@contextmanager
def _own_gpu(device: str, locks: str | os.PathLike | None) -> Iterator[str]:
    """Yield PyTorch's name of the device that this job uses; a GPU is used by no other job."""
    if device == "cpu" or locks is None:
        yield device
        return
    count = torch.cuda.device_count()
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(count)]
    # Without this PyTorch keeps some memory on the first GPU, too.
    with acquire_gpu(locks, names) as index, torch.cuda.device(index):
        yield f"{device}:{index}"


def _processor(place: str) -> str:
    return platform.machine() if place == "cpu" else torch.cuda.get_device_name(place)


def _stream(
    rgb: h5py.Dataset,
    rows: range,
    engine: Engine,
    writers: list["_LayerWriter"],
    batch: int,
    threads: int,
) -> None:
    """Run the rows, and the one before the first for its step, and store the moments."""
    start = time.monotonic()
    before = min(rows.start, 1) if rows else 0
    counts: deque = deque()

    def pictures() -> Iterator[np.ndarray]:
        for images, repeats in _distinct(rgb, range(rows.start - before, rows.stop), batch):
            counts.append(repeats)
            yield images

    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(rows), unit="frame", disable=None) as bar,
    ):
        done = -before
        for outputs in engine.run(pictures()):
            repeats = counts.popleft()
            for writer, output in zip(writers, outputs, strict=True):
                writer.begin(output, pool)
            for writer in writers:
                writer.store(done, repeats)
            done += sum(repeats)
            bar.update(sum(repeats))
    seconds = time.monotonic() - start
    log.info("%d frames in %.1f s, %.2f frames per second", len(rows), seconds, len(rows) / seconds)


def _distinct(rgb: h5py.Dataset, rows: range, batch: int) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Yield up to `batch` pictures at a time, each with the number of successive rows of it."""
    images: list[np.ndarray] = []
    repeats: list[int] = []
    for first in range(rows.start, rows.stop, batch):
        for image in rgb[first : min(first + batch, rows.stop)]:
            full = sum(repeats) >= MOST_REPEATS * batch
            if images and not full and np.array_equal(image, images[-1]):
                repeats[-1] += 1
                continue
            if full or len(images) == batch:
                yield np.stack(images), repeats
                images, repeats = [], []
            images.append(image)
            repeats.append(1)
    if images:
        yield np.stack(images), repeats


class _LayerWriter:
    """Writer of one layer's datasets; it holds the previous picture's activation for the step."""

    def __init__(
        self,
        file: h5py.File,
        layer: str,
        shape: tuple[int, ...],
        network: Mapping,
        seed: int,
    ) -> None:
        self.layer = layer
        self.shape = shape
        n, axis, units = len(file["time_s"]), channel_axis(shape), int(np.prod(shape))
        self.signs = random_signs(seed, layer, units)
        self.previous: np.ndarray | None = None
        self.now: np.ndarray
        self.tasks: list[Future]
        group = file.create_group(f"layers/{layer}")
        group.attrs["units"] = units
        self.datasets = {
            name: rows_dataset(group, name, (n, *row), dtype)
            for name, row, dtype in [
                ("channels", (shape[axis],), np.float32),
                ("mean", (), np.float64),
                ("std", (), np.float64),
                ("step_sq", (), np.float64),
                ("sketch", (BUCKETS,), np.float16),
            ]
        }
        self.maps = None
        if layer in network["keep_maps"]:
            self.maps = rows_dataset(group, "maps", (n, *shape), network["maps_dtype"])

    def begin(self, now: np.ndarray, pool: ThreadPoolExecutor) -> None:
        """Start computing the moments of the activations (B, C, P) of a batch."""
        self.now = now
        before = [self.previous, *now[:-1]]
        self.tasks = [
            pool.submit(summarise, x, previous, self.signs)
            for x, previous in zip(now, before, strict=True)
        ]

    def store(self, first: int, repeats: list[int]) -> None:
        """Write the results of `begin` as the rows from `first` on; row −1 is not stored."""
        index = np.repeat(np.arange(len(repeats)), repeats)
        skipped = max(-first, 0)
        rows = slice(first + skipped, first + len(index))
        results = [
            self._result(task, first + sum(repeats[:i])) for i, task in enumerate(self.tasks)
        ]
        for name, values in zip(Moments._fields, zip(*results, strict=True), strict=True):
            expanded = np.stack(values)[index]
            if name == "step_sq":
                expanded[1:][index[1:] == index[:-1]] = 0
            self.datasets[name][rows] = expanded[skipped:]
        if self.maps is not None:
            self.maps[rows] = self._maps(self.now, self.maps.dtype)[index[skipped:]]
        self.previous = self.now[-1].copy()

    def _result(self, task: Future, row: int) -> Moments:
        try:
            return task.result()
        except FloatingPointError as error:
            raise UserError(
                f"layer {self.layer} has {error} at frame {row}: the weights do not suit the "
                "network, or network.precision does not"
            ) from error

    def _maps(self, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Return activations (B, C, P) in the network's shape and the dtype of the maps."""
        if channel_axis(self.shape) != 0:
            values = np.moveaxis(values, 1, -1)
        with np.errstate(over="ignore"):
            maps = values.reshape(-1, *self.shape).astype(dtype)
        if not np.isfinite(maps).all():
            raise UserError(
                f"layer {self.layer} has activations beyond {dtype}'s range: set "
                "network.maps_dtype: float32"
            )
        return maps


def _copy_clock(frames: h5py.File, file: h5py.File, layers: list[str], rows: range) -> None:
    """Copy the rows' times and the facts on the frames' decoding, without the pictures."""
    for name in ("source_frame", "time_s", "key_frame"):
        file[name] = frames[name][rows.start : rows.stop]
    for name, value in frames.attrs.items():
        if name != "provenance":
            file.attrs[name] = value
    file.attrs["layers"] = json.dumps(list(layers))


def _weights_facts(weights_json: str | os.PathLike, network: Mapping) -> dict:
    """Return the description of the weights, and their name; UserError if of another network."""
    weights = read_json(weights_json)
    if weights["model"] != network["model"]:
        raise UserError(
            f"{weights_json} describes weights of {weights['model']}, not of "
            f"network.model {network['model']}"
        )
    return {**weights, "name": Path(weights_json).stem}


def _provenance(record: Mapping, weights: Mapping, asked: Mapping, used: Mapping) -> dict:
    """Return the frames' record with this stage added (`asked`: the config's network and seed)."""
    about = {
        "model": asked["model"],
        "weights": weights["source"],
        "weights_name": weights["name"],
        "weights_sha256": weights["sha256"],
        "trained": weights["trained"],
        "layers": list(asked["layers"]),
        "precision": asked["precision"],
        **used,
    }
    return {**add_step(record, "extract_features", asked, PACKAGES), "network": about}
