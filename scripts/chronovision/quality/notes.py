"""Quality notes of a video: damage, odd frames, and thresholds that few frames decide."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import astuple

import h5py
import numpy as np
import pandas as pd

from chronovision.core.constant_frames import constant_frames
from chronovision.core.provenance import add_step, read_provenance
from chronovision.core.tables import BLOCK_ROWS, read_numbers, read_values, write_table
from chronovision.quality.note_row import Note, finite, medians, ratio, times
from chronovision.quality.sampling_notes import cadence_note, uneven_note
from chronovision.salience.salient_frames import read_salient
from chronovision.salience.thresholds import video_thresholds

#: Share of exact duplicates above which a frame-rate conversion is likely.
DUPLICATES = 0.01
#: Share of rows made by resampling from which on they are a warning, as in `uneven_note`.
REPEATS = 0.01
#: Mean luma (0 to 255) up to which a frame counts as black; video black is 16 of 255 or 0.
BLACK = 17.0
#: Standard deviation of the luma up to which a frame counts as constant.
CONSTANT = 0.5
#: Ratio of the median change at key frames to that elsewhere above which there is a warning.
KEY_RATIO = 2.0
#: Least number of key frames for a warning.
ENOUGH_KEYS = 10
#: Share of the changes up to which salient changes count as few.
FEW = 0.03
#: Factor between Fmax and the largest change that is not salient, above which few salient changes
#: alone set the range.
OUTLYING = 3.0

#: Column of the table of pixels that flags repeated rows.
REPEATED = "repeated"

#: Columns of the table of quality notes: name -> (meaning, unit).
COLUMNS = {
    "note": ("what was looked at", "name"),
    "level": ("`warning`, or `info`", "name"),
    "value": ("the number behind the message", "as the message says"),
    "message": ("the finding, in words", "text"),
}


def decoding_notes(facts: Mapping, whole: bool) -> Iterator[Note]:
    """Yield notes on how the stream was decoded.

    Parameters
    ----------
    facts : mapping
        Attributes of the features file, as `chronovision.videos.frames.dump_frames` left them.
    whole : bool
        Whether the stream was decoded to its end, so that numbers of frames can be compared.
    """
    messages = json.loads(facts["decoder_messages"])
    if messages:
        # Which of many messages are seen differs from run to run; that there are some does not.
        text = "the decoder reports damage: see the video's log in logs/dump_frames"
        yield Note("decoder_damage", "warning", 1, text)
    decoded, told, header = (int(facts[k]) for k in ("n_decoded", "n_frames", "header_frames"))
    if whole and decoded != told:
        text = f"{decoded} frames were decoded of {told} that the file's packets tell of"
        yield Note("frames_decoded", "warning", decoded - told, text)
    if whole and header not in (-1, decoded):
        text = f"{decoded} frames were decoded, the file's header claims {header}"
        yield Note("frames_in_header", "warning", decoded - header, text)
    if facts["clock_jumps"]:
        count = int(facts["clock_jumps"])
        text = (
            f"the file's clock jumps at {count} place(s), as where parts were joined: times go on "
            "there without a gap"
        )
        yield Note("clock_jumps", "warning", count, text)
    if facts["times_set"]:
        count = int(facts["times_set"])
        text = f"the times of {count} frame(s) went back, or were missing at the end: they were set"
        yield Note("times_set", "warning", count, text)
    if facts["vfr"]:
        text = "the frame rate varies or has gaps: changes span different times"
        yield Note("variable_frame_rate", "warning", 1, text)


def picture_notes(pixels: pd.DataFrame) -> Iterator[Note]:
    """Yield notes on duplicate, repeated, black and constant frames, from the table of pixels."""
    n = len(pixels)
    repeated = pixels["repeated"].to_numpy(dtype=bool)
    duplicates = int(np.sum((pixels["pixel_change"] == 0) & ~repeated))
    if duplicates:
        text = f"{duplicates} of {n} frames equal the one before exactly"
        level = "warning" if duplicates > DUPLICATES * n else "info"
        yield Note("duplicate_frames", level, duplicates, text)
    if repeated.any():
        text = f"{repeated.sum()} of {n} rows show the frame of the row before (resampling)"
        level = "warning" if repeated.sum() >= REPEATS * n else "info"
        yield Note("repeated_frames", level, int(repeated.sum()), text)
    flat = pixels["contrast"] <= CONSTANT
    black = flat & (pixels["brightness"] <= BLACK)
    if black.any():
        yield Note(
            "black_frames", "info", int(black.sum()), f"{black.sum()} of {n} frames are black"
        )
    if (flat & ~black).any():
        count = int((flat & ~black).sum())
        yield Note("constant_frames", "info", count, f"{count} of {n} frames are of one colour")


def change_notes(
    metric: str,
    changes: pd.DataFrame,
    key_frame: np.ndarray,
    repeated: np.ndarray,
    static: np.ndarray,
) -> Iterator[Note]:
    """Yield notes on the change series of one metric.

    Parameters
    ----------
    metric : str
        Name of the metric.
    changes : DataFrame
        Change of each layer (n rows); the first row is missing.
    key_frame, repeated : (n,) bool array
        Flags of the rows.
    static : (layers,) float64 array
        Static thresholds.
    """
    values, keys, layers = changes.to_numpy()[1:], key_frame[1:], list(changes.columns)
    elsewhere = ~keys & ~repeated[1:]
    if keys.any() and elsewhere.any():
        yield _key_frame_note(metric, layers, values, keys, elsewhere)
    still = np.ptp(values, axis=0) == 0
    if still.any():
        text = f"{metric}: no change ever differs in {_names(layers, still)}; nothing is salient"
        yield Note(f"still_layers.{metric}", "warning", int(still.sum()), text)
    salient = values > static
    rest = values.max(axis=0, where=~salient, initial=0.0)
    excess = ratio(values.max(axis=0), rest)
    few = salient.any(axis=0) & (salient.sum(axis=0) <= max(1, FEW * len(values)))
    blind = few & (excess > OUTLYING)
    if blind.any():
        largest = excess[blind].max()
        text = (
            f"{metric}: few frames set Fmax in {_names(layers, blind)} ({times(largest)} the "
            "largest change among the others): the static threshold is blind to the rest; consider "
            "thresholds.range: percentile"
        )
        yield Note(f"few_frames_set_fmax.{metric}", "warning", finite(largest), text)


def _key_frame_note(
    metric: str, layers: list[str], values: np.ndarray, keys: np.ndarray, elsewhere: np.ndarray
) -> Note:
    ratios = ratio(medians(values, keys), medians(values, elsewhere))
    worst = int(np.argmax(ratios))
    warn = ratios[worst] > KEY_RATIO and keys.sum() >= ENOUGH_KEYS
    text = (
        f"{metric}: the median change at the {keys.sum()} key frames is {times(ratios[worst])} "
        f"that elsewhere ({layers[worst]}, the largest ratio): the encoder makes it, or it put key "
        "frames at cuts"
    )
    return Note(f"key_frames.{metric}", "warning" if warn else "info", finite(ratios[worst]), text)


def _names(layers: list[str], chosen: np.ndarray) -> str:
    return ", ".join(layer for layer, is_chosen in zip(layers, chosen, strict=True) if is_chosen)


def pacemaker_note(
    metric: str, changes: np.ndarray, salient: np.ndarray, static: np.ndarray, layers: list[str]
) -> Note:
    """Note the share of the dynamic threshold's counts that lie at or below the static threshold.

    Parameters
    ----------
    metric : str
        Name of the metric.
    changes : (n, layers) float64 array
        Changes; the first row is NaN.
    salient : (n, layers) bool array
        Salient changes under the dynamic threshold.
    static : (layers,) float64 array
        Static thresholds.
    layers : list of str
        Names of the layers.
    """
    counts = salient.sum(axis=0)
    below = (salient & (changes <= static)).sum(axis=0)
    share = below / np.maximum(counts, 1)
    listed = ", ".join(f"{layer} {part:.0%}" for layer, part in zip(layers, share, strict=True))
    text = (
        f"{metric}: share of the dynamic threshold's counts at or below the static one: {listed}; "
        "a large share means that the decaying threshold paces the counts"
    )
    level = "warning" if share.max() > 0.5 else "info"
    return Note(f"dynamic_below_static.{metric}", level, float(share.max()), text)


def constant_layer_notes(file: h5py.File, layers: list[str]) -> Iterator[Note]:
    """Yield notes on frames whose activations are constant in a layer, so that r is undefined."""
    for layer in layers:
        count, differ = _count_constant(file["layers"][layer])
        if count:
            text = (
                f"{layer} is constant in {count} frames: 1 - r is set to 0 between two "
                f"such frames ({differ} pairs differ all the same) and to 1 beside others"
            )
            yield Note(f"constant_activations.{layer}", "warning", count, text)


def _count_constant(group: h5py.Group) -> tuple[int, int]:
    """Count frames with constant activations in a layer, and pairs of these that still differ."""
    count = differ = 0
    for start in range(0, len(group["mean"]), BLOCK_ROWS):
        before = min(start, 1)
        mean, std = (group[name][start - before : start + BLOCK_ROWS] for name in ("mean", "std"))
        constant = constant_frames(mean, std)
        count += int(constant[before:].sum())
        differ += int(np.sum(constant[1:] & constant[:-1] & (np.diff(mean) != 0)))
    return count, differ


def _pixel_notes(
    path: str | os.PathLike, key_frame: np.ndarray, repeated: np.ndarray
) -> Iterator[Note]:
    pixels = read_numbers(path, ["pixel_change", "contrast", "brightness", REPEATED])
    yield from picture_notes(pixels)
    yield from cadence_note(pixels["pixel_change"].to_numpy(), key_frame, repeated)


def check_quality(
    *,
    features: str | os.PathLike,
    pixels: str | os.PathLike,
    changes: Mapping[str, str | os.PathLike],
    dynamic: Mapping[str, str | os.PathLike],
    ranges: Mapping[str, str | os.PathLike],
    thresholds: Mapping,
    table: str | os.PathLike,
) -> None:
    """Write the quality notes of one video.

    Parameters
    ----------
    features, pixels : path-like
        Files of the video.
    changes : mapping of str to path-like
        Metric -> table of changes.
    dynamic : mapping of str to path-like
        Metric -> table of accumulators of the dynamic threshold, if that is computed.
    ranges : mapping of str to path-like
        Metric -> table of the set's ranges, if the scope is the set.
    thresholds : mapping
        ``scope``, ``range`` and, for percentiles, ``percentiles`` of the config's ``thresholds``.
    table : path-like
        TSV to write, see `COLUMNS`.
    """
    provenance = read_provenance(features)
    layers = provenance["network"]["layers"]
    whole = provenance["steps"]["dump_frames"]["end_s"] is None
    with h5py.File(features, "r") as file:
        notes = [*decoding_notes(file.attrs, whole), *constant_layer_notes(file, layers)]
        key_frame, source_frame = file["key_frame"][:], file["source_frame"][:]
    repeated = read_values(pixels, [REPEATED], bool)[:, 0]
    notes += _pixel_notes(pixels, key_frame, repeated)
    sampled = "correlation" if "correlation" in changes else next(iter(changes))
    for metric, path in changes.items():
        # Read before the changes, which take more memory than all else.
        counted = dynamic.get(metric)
        salient = read_salient(counted, layers) if counted else None
        series = read_numbers(path, layers)
        values = series.to_numpy()
        static = video_thresholds(values, layers, thresholds, ranges.get(metric)).static
        notes += change_notes(metric, series, key_frame, repeated, static)
        if metric == sampled:
            notes += uneven_note(metric, layers, values, source_frame, static)
        if salient is not None:
            notes.append(pacemaker_note(metric, values, salient, static, layers))
        del series, values  # the next metric's take as much
    rows = pd.DataFrame([astuple(note) for note in notes], columns=list(COLUMNS))
    write_table(table, rows, COLUMNS, add_step(provenance, "check_quality", thresholds, ["numpy"]))
