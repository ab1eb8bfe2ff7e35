"""Pages of the report, rendered from made results."""

import numpy as np
from PIL import Image

from chronovision.report.set_page import SetInputs, render_report
from chronovision.report.video_page import PageInputs, render_page
from support.results import MadeResults


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng([*path.name.encode()]).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def page_of(made: MadeResults, video: str) -> str:
    out = made.path("report", f"{video}.html")
    names = [f"timeline.{kind}" for kind in made.kinds] + ["heatmaps"]
    files = {
        "facts": made.path("videos", f"{video}.json"),
        "quality": made.path("quality", f"{video}.tsv"),
        "features": made.path("features", f"{video}.h5"),
        "thumbnails": made.path("pixels", f"{video}.thumbnails.h5"),
        "accumulators": [made.path("accumulators", kind, f"{video}.tsv") for kind in made.kinds],
        "segments": [made.path("segments", kind, f"{video}.tsv") for kind in made.kinds],
        "figures": [picture(made.path("figures", video, f"{name}.png")) for name in names],
    }
    render_page(out, PageInputs.from_files(video, files))
    return out.read_text(encoding="utf-8")


def overview_of(made: MadeResults, fit: bool = True, scenes=None, groups=None, **files) -> str:
    made.add_set(fit)
    return overview(made, fit, scenes, groups, **files)


def overview(made: MadeResults, fit: bool = True, scenes=None, groups=None, **files) -> str:
    """The overview of a set that is there; `fit`: whether one was asked for."""
    videos = list(made.videos)
    out = [made.path("report", name) for name in ("index.html", "methods.md", "references.bib")]
    files = {
        "facts": [made.path("videos", f"{video}.json") for video in videos],
        "quality": [made.path("quality", f"{video}.tsv") for video in videos],
        "summary": made.path("accumulators", "summary.tsv"),
        "weights": made.path("weights", "vgg19.json"),
        "segments": [made.path("segments", k, f"{v}.tsv") for k in made.kinds for v in videos],
        "figures": [picture(made.path("figures", "set", "static_vs_dynamic.png"))],
        "clips": [made.path("clips", f"{kind}.tsv") for kind in made.kinds],
        "scores": [made.path("duration", k, "scores.tsv") for k in made.kinds] if fit else [],
        **files,
    }
    groups = groups or {video: video for video in videos}
    inputs = SetInputs.from_files(files, groups, scenes or {})
    render_report(*out, inputs=inputs, config=made.config)
    return out[0].read_text(encoding="utf-8")
