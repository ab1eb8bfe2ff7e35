"""Features, changes and pixels of a few frames, computed from the video by independent code."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np
import pandas as pd
import torch
import torchvision
from torchvision.transforms.functional import normalize

from chronovision.core.metrics import METRICS
from chronovision.features.moments import BUCKETS, random_signs
from chronovision.features.networks import NetworkSpec, channel_axis
from chronovision.verification.checks import Tally
from chronovision.videos.decoding import Decoding, analysed_rows
from chronovision.videos.span import Span

#: Largest deviation that rounding explains, by precision and device. Measured with VGG, AlexNet,
#: ResNet and others, trained and untrained, on films with cuts, fades and a still camera, OpenVINO
#: against PyTorch with several instruction sets: up to 1.2e-6 in float32; 0.007 between two runs in
#: bfloat16, and 0.018 between bfloat16 and float32. No GPU was at hand.
ALLOWED = {
    ("float32", "cpu"): 1e-5,
    ("float32", "cuda"): 1e-4,
    ("bfloat16", "cpu"): 0.02,
    ("bfloat16", "cuda"): 0.02,
}
#: Factor between the deviation allowed of single units and that of sums over many units.
SINGLE_UNITS = 3
#: Largest deviation of brightness and pixel change, of 255. They are sums of whole numbers.
ALLOWED_PIXELS = 1e-9

#: Weights of red, green and blue in the luma.
LUMA = (0.299, 0.587, 0.114)


@dataclass
class Sample:
    """Rows and pictures of a video that was decoded again.

    Attributes
    ----------
    source_frame : (n,) int64 array
        Indices among the decoded frames, of all rows.
    time_s : (n,) float64 array
        Times of all rows in seconds.
    key_frame : (n,) bool array
        Whether a key frame belongs to the row, for all rows.
    pictures : dict of int to ndarray
        Row -> (size, size, 3) uint8 array, of the requested rows.
    """

    source_frame: list[int] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    key_frame: list[bool] = field(default_factory=list)
    pictures: dict[int, np.ndarray] = field(default_factory=dict)


def decode_sample(info: Mapping, used: Mapping, rows: Collection[int]) -> Sample:
    """Decode a video as `chronovision.videos.frames.dump_frames` did.

    Parameters
    ----------
    info : mapping
        Contents of ``videos/{video}.json``.
    used : mapping
        Recorded step ``dump_frames``: ``size geometry every step_s fps start_s end_s``.
    rows : collection of int
        Rows of the analysed series whose pictures are requested.

    Raises
    ------
    UserError
        See `chronovision.videos.decoding.analysed_rows`.
    """
    sample = Sample()
    decoded = analysed_rows(info, used, Span(used["start_s"], used["end_s"]), Decoding())
    for number, row in enumerate(decoded):
        sample.source_frame.append(row.source_frame)
        sample.time_s.append(row.time_s)
        sample.key_frame.append(row.key_frame)
        if number in rows:
            sample.pictures[number] = row.rgb.copy()
    return sample


class EagerNetwork:
    """A network in PyTorch on the CPU, run eagerly on one image at a time."""

    def __init__(self, network: Mapping, weights_pth: str | os.PathLike) -> None:
        """Load the network with its weights.

        Parameters
        ----------
        network : mapping
            Record ``network`` of a features file.
        weights_pth : path-like
            File of its weights.

        Raises
        ------
        ValueError
            The file holds other weights.
        """
        self.dtype = getattr(torch, network["precision"])
        spec = NetworkSpec.build(network["model"], network["layers"])
        extractor = spec.with_weights(torch.load(weights_pth, "cpu", weights_only=True))
        self.extractor = extractor.to(self.dtype)
        weights = torchvision.models.get_model_weights(network["model"]).DEFAULT
        self.scaling = weights.transforms().mean, weights.transforms().std

    @torch.inference_mode()
    def activations(self, rgb: np.ndarray) -> dict[str, np.ndarray]:
        """Return each layer's activation of a picture (H, H, 3) uint8, as float64."""
        image = normalize(torch.from_numpy(rgb).permute(2, 0, 1) / 255, *self.scaling)
        outputs = self.extractor(image[None].to(self.dtype))
        return {layer: output[0].double().numpy() for layer, output in outputs.items()}


@dataclass(frozen=True)
class FrameChange:
    """Change of one layer into one row, computed directly from two activations x and y.

    Attributes
    ----------
    row : int
        Row of the change.
    layer : str
        Name of the layer.
    values : mapping of str to float
        Metric -> change.
    norm : float
        Greater of |x| and |y|.
    spread : float
        Lesser ratio of standard deviation to root mean square of the two; 0 if one is constant.
    """

    row: int
    layer: str
    values: Mapping[str, float]
    norm: float
    spread: float

    @classmethod
    def between(cls, row: int, layer: str, y: np.ndarray, x: np.ndarray) -> "FrameChange":
        """Return the change from activation `y` of the row before to `x`."""
        chords = {
            "correlation": _chord(x - x.mean(), y - y.mean()),
            "cosine": _chord(x, y),
        }
        values = {metric: chord**2 / 2 for metric, chord in chords.items()}
        values["euclidean"] = float(np.linalg.norm(x - y))
        norm = max(float(np.linalg.norm(x)), float(np.linalg.norm(y)))
        return cls(row, layer, values, norm, min(_spread(x), _spread(y)))

    def deviation(self, metric: str, stored: float) -> float:
        """Return the deviation of a stored change, as a share of the activations' size."""
        true = self.values[metric]
        largest = METRICS[metric].largest
        if largest is None:
            return float(_share(abs(stored - true), self.norm))
        if not 0 <= stored <= largest:
            return np.inf
        return abs(np.sqrt(2 * stored) - np.sqrt(2 * true)) * (
            self.spread if metric == "correlation" else float(self.spread > 0)
        )


def _chord(x: np.ndarray, y: np.ndarray) -> float:
    """Return the distance of x/|x| from y/|y|, √(2(1 − cos)): 0 if both are zero, √2 if one is."""
    lengths = np.linalg.norm(x), np.linalg.norm(y)
    if not all(lengths):
        return 0.0 if not any(lengths) else float(np.sqrt(2))
    return float(np.linalg.norm(x / lengths[0] - y / lengths[1]))


def _spread(x: np.ndarray) -> float:
    return float(_share(x.std(), np.sqrt(np.mean(x**2))))


def _share(part: np.ndarray | float, whole: float | np.floating) -> np.ndarray | float:
    """Return `part` / `whole`; 0 if both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(part, 0), 0.0, np.divide(part, whole))[()]


def compare_features(
    file: h5py.File,
    network: EagerNetwork,
    pictures: Mapping[int, np.ndarray],
    rows: Sequence[int],
    seed: int | None,
    tally: Tally,
) -> Iterator[FrameChange]:
    """Compare the stored features of some rows, and of the rows before them, with their pictures.

    Parameters
    ----------
    file : h5py.File
        The open features file.
    network : EagerNetwork
        The network that made it.
    pictures : mapping of int to ndarray
        Row -> picture, of all these rows.
    rows : sequence of int
        Rows to compare, each 1 or more.
    seed : int or None
        Seed of the sketches' signs. If it is None (unknown), sketches are left out.
    tally : Tally
        Receives every value.

    Yields
    ------
    FrameChange
        The change into each of `rows` of each layer.
    """
    for row in rows:
        before, now = (network.activations(pictures[number]) for number in (row - 1, row))
        for layer, x in now.items():
            group, y = file["layers"][layer], before[layer]
            change = FrameChange.between(row, layer, y, x)
            length = np.sqrt(np.maximum(group["step_sq"][row], 0))
            off, true = change.deviation("euclidean", length), change.values["euclidean"]
            tally.add(off, f"{layer}, row {row}: root of step_sq", length, true)
            for number, activation in ((row - 1, y), (row, x)):
                for name, *found in _deviations(group, number, layer, activation, seed):
                    deviation, stored, true = found
                    tally.add(deviation, f"{layer}, row {number}: {name}", stored, true)
            yield change


def _deviations(
    group: h5py.Group, row: int, layer: str, x: np.ndarray, seed: int | None
) -> Iterator[tuple]:
    """Yield name, deviation, stored and true values of everything stored of one activation."""
    size, axis = np.sqrt(np.mean(x**2)), channel_axis(x.shape)
    by_channel = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    for name, true in (("mean", x.mean()), ("std", x.std())):
        stored = group[name][row]
        yield name, _share(np.abs(stored - true), size), stored, true
    stored, true = group["channels"][row], by_channel.mean(axis=1)
    yield "channel {}", _share(np.abs(stored - true), np.linalg.norm(true)), stored, true
    if seed is not None:
        z = by_channel.ravel() - x.mean()
        z = _share(z, np.linalg.norm(z)) * random_signs(seed, layer, x.size)
        stored, true = group["sketch"][row], np.bincount(np.arange(x.size) % BUCKETS, z, BUCKETS)
        yield "sketch {}", _beyond_rounding(stored, true) * _spread(x), stored, true
    if "maps" in group:
        stored = group["maps"][row]
        largest = SINGLE_UNITS * np.abs(x).max()
        yield "maps {}", _share(_beyond_rounding(stored, x), largest), stored, x


def _beyond_rounding(stored: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return |stored − true|, minus what rounding to the stored type explains."""
    kind = np.finfo(stored.dtype)
    rounding = np.maximum(np.abs(true) * kind.eps, kind.smallest_subnormal) / 2
    return np.maximum(np.abs(stored - true) - rounding, 0)


def compare_pixels(
    table: pd.DataFrame, pictures: Mapping[int, np.ndarray], rows: Sequence[int], tally: Tally
) -> None:
    """Compare brightness, contrast and pixel change of `rows` with the pictures.

    Parameters
    ----------
    table : DataFrame
        Table of `chronovision.confounds.pixels.describe_frames`.
    pictures, rows
        See `compare_features`.
    """
    for row in rows:
        luma = pictures[row].astype(float) @ np.array(LUMA)
        moved = np.abs(pictures[row].astype(float) - pictures[row - 1])
        true = {"brightness": luma.mean(), "contrast": luma.std(), "pixel_change": moved.mean()}
        for name, value in true.items():
            stored = table[name][row]
            tally.add(abs(stored - value) / 255, f"{name} in row {row}", stored, value)
