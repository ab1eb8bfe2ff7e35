"""Damaged videos are refused in one line, or become the series that can be decoded of them.

What is asserted of each: no traceback, no hang, no more memory than the rule asks for; a series has
a row for each frame that a plain FFmpeg command decodes, with its time and pixels; a file that ends
too early is an error; damage is a quality note and, under `strict`, an error.
"""

import hashlib
import itertools
import json
import shutil
import struct
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from chronovision.core.files import read_json
from chronovision.jobs.resources import stage_mb
from chronovision.quality.notes import decoding_notes
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.span import Span
from support.mutations import KINDS, mutate
from support.plain_decoding import Decoded, decode_plainly
from support.real_clips import CLIPS, WITH_END, make_clips
from support.watched_jobs import HANGS_S, Job, run_job

#: Of the pictures, as it is unless a config says otherwise.
SIZE = 224
SEEDS = range(5)


def cases() -> list:
    """Each kind of damage to each clip, with several seeds; all but a few are marked.

    Left for every run of the tests: half of those with the first seed, with all kinds and clips.
    """
    listed = []
    for (row, kind), (column, clip) in itertools.product(enumerate(KINDS), enumerate(CLIPS)):
        for seed in SEEDS:
            is_quick = seed == 0 and (row + column) % 2 == 0
            marks = () if is_quick else pytest.mark.fuzz
            listed.append(pytest.param(clip, kind, seed, id=f"{clip}-{kind}-{seed}", marks=marks))
    return listed


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def wholes(clips) -> dict[str, Decoded]:
    """What the clips hold before anything happens to them."""
    return {name: decode_plainly(path, 0, SIZE, HANGS_S) for name, path in clips.items()}


def probe(path: Path) -> Job:
    job = run_job("probe_video", path.parent, "probe", path, path.parent / "info.json", stream=None)
    assert_ends_well("probe_video", job)
    return job


def dump(folder: Path, geometry: str, *, strict: bool) -> tuple[Job, Path]:
    """The job, and the frames that it made if all went well."""
    name = "strict" if strict else "plain"
    settings = {"size": SIZE, "geometry": geometry, "every": 1, "step_s": None, "fps": None}
    options = {"video": "v", "frames": settings, "span": Span(), "strict": strict}
    frames = folder / f"{name}.h5"
    paths = {"info_path": folder / "info.json", "output": frames}
    job = run_job("dump_frames", folder, name, **paths, **options)
    assert_ends_well("dump_frames", job)
    assert frames.exists() == (job.code == 0)
    return job, frames


def assert_ends_well(stage: str, job: Job) -> None:
    """With success or with one line, and within the memory that it asked a scheduler for.

    Whole clips take a third of that.
    """
    said = job.log + job.stderr
    assert "Traceback" not in said and not job.stderr, said
    assert job.code in (0, 1), (job.code, said)
    assert len(job.errors) == job.code, said
    assert job.peak_mb < stage_mb(stage, attempt=1)


def assert_is_what_was_decoded(frames: Path, decoded: Decoded) -> list[str]:
    """One row for each frame, with its time and its pixels; their hashes."""
    with h5py.File(frames) as file:
        times = file["time_s"][:]
        hashes = [hashlib.md5(picture.tobytes()).hexdigest() for picture in file["rgb"]]
        assert file.attrs["n_decoded"] == len(hashes) == len(times) == len(decoded.hashes)
        assert file["source_frame"][:].tolist() == list(range(len(hashes)))
        assert np.isfinite(file.attrs["frame_interval_s"])
    assert np.isfinite(times).all() and (np.diff(times) >= 0).all()
    expected = np.array(decoded.times) - decoded.times[0]
    np.testing.assert_allclose(times, expected, rtol=0, atol=2e-6)  # theirs are rounded
    # Where a picture is damaged FFmpeg may show what its memory held before, without a word: two
    # runs of one command then differ, in a few frames. Rows that are shifted differ in all.
    alike = sum(one == other for one, other in zip(hashes, decoded.hashes, strict=True))
    assert alike >= len(hashes) / 2
    return hashes


def assert_damage_is_told(frames: Path, decoded: Decoded) -> None:
    with h5py.File(frames) as file:
        messages = json.loads(file.attrs["decoder_messages"])
        notes = [note.note for note in decoding_notes(file.attrs, whole=True)]
    assert bool(messages) == decoded.is_damaged, (messages, decoded.messages)
    assert ("decoder_damage" in notes) == decoded.is_damaged


def assert_refused_or_read(path: Path) -> list[str] | None:
    """Run both stages on a video; the hashes of its rows, or None if it was refused."""
    folder = path.parent
    if probe(path).code != 0:
        assert not (folder / "info.json").exists()
        return None
    # Two geometries, as decoding does not depend on them.
    plain, frames = dump(folder, "squash", strict=False)
    strict, _ = dump(folder, "crop", strict=True)
    assert not list(folder.glob(".*.part"))
    decoded = decode_plainly(path, read_json(folder / "info.json")["stream"], SIZE, HANGS_S)
    if plain.code != 0:
        assert strict.code != 0
        return None
    assert decoded.code == 0 and not decoded.is_truncated, decoded.messages
    hashes = assert_is_what_was_decoded(frames, decoded)
    assert_damage_is_told(frames, decoded)
    assert (strict.code == 1) == decoded.is_damaged, (strict.log, decoded.messages)
    return hashes


@pytest.mark.parametrize(("clip", "kind", "seed"), cases())
def test_a_damaged_video(clips, wholes, tmp_path, clip, kind, seed):
    path = tmp_path / clip
    path.write_bytes(mutate(clips[clip].read_bytes(), kind, f"{clip} {kind} {seed}"))
    rows = assert_refused_or_read(path)
    if kind == "cut" and clip in WITH_END:  # what was cut off may be an index at the end
        assert rows in (None, wholes[clip].hashes)
    shutil.rmtree(tmp_path)  # the files of a case that fails are kept


@pytest.mark.parametrize(
    ("name", "clip", "coding"),
    [
        ("v.mp4", "h264.mp4", "-c copy -movflags +faststart"),
        ("v.mov", "h264.mp4", "-c copy -movflags +faststart"),
        ("v.mkv", "hevc.mkv", "-c copy"),
        ("v.webm", "vp9.webm", "-c copy"),
        ("v.avi", "h264.mp4", "-c:v mpeg4"),
    ],
)
def test_a_video_that_ends_between_two_frames(clips, tmp_path, name, clip, coding):
    """Where no frame is broken, and no sound missing, the container alone shows it."""
    whole, path = tmp_path / f"whole.{name}", tmp_path / name
    command = [find_tools().ffmpeg, "-v", "error", "-nostdin", "-i", clips[clip]]
    subprocess.run([*command, "-an", *coding.split(), whole], check=True)
    data, ends = whole.read_bytes(), frame_ends(whole)
    for end in ends[len(ends) // 4 :: len(ends) // 4]:
        path.write_bytes(data[:end])
        assert assert_refused_or_read(path) is None, f"cut at byte {end} of {len(data)}"


@pytest.mark.parametrize("shape", [(300, 1), (5000, 1), (1, 5000), (2**32 - 1, 1)])
def test_pixels_of_an_absurd_shape(clips, tmp_path, shape):
    """Scaled to a square's height, each picture would take hundreds of MB."""
    data = bytearray(clips["h264.mp4"].read_bytes())
    struct.pack_into(">II", data, data.index(b"pasp") + 4, *shape)
    path = tmp_path / "h264.mp4"
    path.write_bytes(data)
    assert_refused_or_read(path)


def frame_ends(path: Path) -> list[int]:
    """Where the coded frames of the video stream, all but the last, end in the file."""
    command = [find_tools().ffprobe, "-v", "error", "-select_streams", "v", "-of", "csv=p=0"]
    command += ["-show_entries", "packet=pos,size", path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(",")[:2] for line in said.splitlines()]
    return sorted(int(size) + int(start) for size, start in rows)[:-1]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_whole_video(clips, wholes, tmp_path, clip):
    """Without which all could be refused."""
    assert len(wholes[clip].hashes) > 40 and not wholes[clip].messages
    path = tmp_path / clip
    path.write_bytes(clips[clip].read_bytes())
    assert assert_refused_or_read(path) == wholes[clip].hashes


@pytest.mark.parametrize("kind", KINDS)
def test_damage_comes_from_the_seed_alone(clips, kind):
    data = clips["hevc.mkv"].read_bytes()
    once, again, other = (mutate(data, kind, seed) for seed in ("a", "a", "b"))
    assert once == again != other
    assert once != data
