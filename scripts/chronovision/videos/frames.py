"""The frames file: the analysed frames of a video and facts about their decoding."""

import json
import logging
import os
from array import array
from collections.abc import Iterator, Mapping

import h5py
import numpy as np

from chronovision.core.files import read_json
from chronovision.core.hdf5 import new_h5
from chronovision.core.provenance import add_step
from chronovision.core.timing import has_variable_rate, nominal_interval
from chronovision.errors import UserError
from chronovision.videos.decoding import BLOCK_ROWS, Decoding, analysed_rows, decoder_messages
from chronovision.videos.ffmpeg import require_complete
from chronovision.videos.ffmpeg_log import of_pictures
from chronovision.videos.fingerprint import video_provenance
from chronovision.videos.selection import Row, expected_rows
from chronovision.videos.span import Span

log = logging.getLogger(__name__)


def dump_frames(
    *,
    info_path: str | os.PathLike,
    video: str,
    frames: Mapping,
    span: Span,
    strict: bool,
    output: str | os.PathLike,
) -> None:
    """Write the analysed frames of one video to HDF5.

    Parameters
    ----------
    info_path : path-like
        ``videos/{video}.json``.
    video : str
        Id of the video.
    frames : dict
        The config's ``frames``.
    span : Span
        Part of the video that is used.
    strict : bool
        Treat decoder damage anywhere in the stream as an error. The stream is decoded once more for
        this, see `chronovision.videos.decoding.decoder_messages`.
    output : path-like
        HDF5 with ``rgb`` (n, H, W, 3) uint8, ``source_frame`` (n,) int64, ``time_s`` (n,) float64,
        ``key_frame`` and ``repeated`` (n,) bool. A chunk holds one picture.

    Raises
    ------
    UserError
        See `chronovision.videos.decoding.analysed_rows`. Also for damage under `strict`.
    """
    info = read_json(info_path)
    size, decoding = frames["size"], Decoding()
    config = {**frames, "strict": strict, **span._asdict()}
    provenance = add_step(video_provenance(info, video), "dump_frames", config, ["numpy", "h5py"])
    expected_bytes = 3 * size**2 * expected_rows(info, frames, span)
    # This format's index of the many small chunks does not grow in memory.
    with new_h5(output, provenance, libver="v110", expected_bytes=expected_bytes) as file:
        n = _write_rows(file, size, analysed_rows(info, frames, span, decoding))
        messages = _complete_messages(info, decoding, strict)
        _note_decoding(file, info, decoding)
        if strict and messages:
            raise UserError(
                f"{info['path']}: the decoder reports damage ({messages[0]}) and "
                "strict is true: get an undamaged copy, or set strict: false"
            )
    log.info("%s: %d frames decoded, %d kept", info["path"], decoding.n_decoded, n)


def _complete_messages(info: dict, decoding: Decoding, strict: bool) -> list[str]:
    """Return what FFmpeg reports of the pictures when it only decodes, if that is asked or needed.

    `decoding` keeps the messages that concern the pictures, or gets these if there are none.
    """
    kind = {"stream": info["stream"], "seams": info["clock_jumps"]}
    for message in set(decoding.messages).difference(of_pictures(decoding.messages, **kind)):
        del decoding.messages[message]
    if not (strict or (decoding.interrupted and not decoding.messages)):
        return []
    messages = decoder_messages(info["path"], info["stream"])
    require_complete(info["path"], messages)
    messages = of_pictures(messages, **kind)
    if not decoding.messages:
        decoding.messages.update(messages)
    return messages


def _write_rows(file: h5py.File, size: int, decoded: Iterator[Row]) -> int:
    """Write pictures of `size` × `size` and the facts of each row; return the number of rows."""
    picture = (size, size, 3)
    rgb = file.create_dataset(
        "rgb", (0, *picture), "u1", maxshape=(None, *picture), chunks=(1, *picture)
    )
    known: dict[str, array] = {
        "source_frame": array("q"),
        "time_s": array("d"),
        "key_frame": array("B"),
        "repeated": array("B"),
    }
    n = room = 0
    for row in decoded:
        if n == room:
            room += BLOCK_ROWS
            rgb.resize(room, axis=0)
        # A picture is a chunk: it goes to the file as it is, without copies on the way. Compressing
        # it would take longer than decoding (LZF: 1.5 ms at 224 pixels) and save a fifth.
        rgb.id.write_direct_chunk((n, 0, 0, 0), row.rgb)
        for name, values in known.items():
            values.append(getattr(row, name))
        n += 1
    rgb.resize(n, axis=0)
    for name, values in known.items():
        file[name] = np.array(values, bool if values.typecode == "B" else None)
    return n


def _note_decoding(file: h5py.File, info: dict, decoding: Decoding) -> None:
    """Store facts about the decoding as attributes, for the quality notes."""
    worst = decoding.messages.most_common(20)
    for message, times in worst:
        log.warning("FFmpeg, %d times: %s", times, message)
    file.attrs["decoder_messages"] = json.dumps([f"{text} (×{n})" for text, n in worst])
    file.attrs["n_decoded"] = decoding.n_decoded
    file.attrs["n_frames"] = info["n_frames"]
    file.attrs["header_frames"] = -1 if info["header_frames"] is None else info["header_frames"]
    file.attrs["clock_jumps"] = info["clock_jumps"]
    file.attrs["times_set"] = len(decoding.corrected_frames)
    if decoding.corrected_frames:
        log.warning(
            "%s: the times of %d frame(s) went back or were missing, the first at frame %d: set",
            info["path"],
            len(decoding.corrected_frames),
            decoding.corrected_frames[0],
        )
    # A packet without a picture, which the probe did not see, leaves a gap.
    file.attrs["vfr"] = bool(info["vfr"]) or has_variable_rate(np.array(decoding.time_s))
    file.attrs["frame_interval_s"] = nominal_interval(file["time_s"][:])
