"""dump_frames against FFmpeg alone, with the same scaling and nothing done with the frames."""

import subprocess
from pathlib import Path

import ffmpeg

import stages
from chronovision.videos.decoding import geometry_filters
from chronovision.videos.ffmpeg import find_tools
from material import make_film
from measure import best_of

ROUNDS = 3
MINUTES = 5
SIZE = 224


def measure(folder: Path) -> list[dict]:
    """Seconds of either, in turn, of the fastest round."""
    sources = {f"{height}p": make_film(folder, height, MINUTES) for height in (720, 360)}
    rows = []
    for name, source in sources.items():
        film = stages.Film(folder / "decoding", Path(source).stem)
        stages.probe(film, source)
        seconds = {"dump_s": [], "null_s": []}
        for _ in range(ROUNDS):
            film.frames.unlink(missing_ok=True)  # the workflow has no older one to replace either
            seconds["dump_s"].append(best_of(1, lambda film=film: stages.dump(film, SIZE)))
            seconds["null_s"].append(best_of(1, lambda source=source: _null(source)))
        rows.append({"source": name} | {key: min(values) for key, values in seconds.items()})
    return rows


def _null(source: Path) -> None:
    """`ffmpeg -f null`, with as many threads as it takes by itself."""
    picture = geometry_filters(ffmpeg.input(str(source))["v:0"], SIZE, "crop")
    program = [find_tools().ffmpeg, "-v", "error", "-nostdin"]
    subprocess.run(ffmpeg.output(picture, "-", format="null").compile(cmd=program), check=True)
