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
    out = made.results.page(video=video)
    names = [f"timeline.{variant}" for variant in made.variants] + ["heatmaps"]
    files = {
        "facts": made.results.video_facts(video=video),
        "quality": made.results.quality(video=video),
        "features": made.results.features(video=video),
        "thumbnails": made.results.thumbnails(video=video),
        "accumulators": [
            made.results.accumulators(variant=variant, video=video) for variant in made.variants
        ],
        "segments": [
            made.results.segments(variant=variant, video=video) for variant in made.variants
        ],
        "figures": [picture(made.path("figures", video, f"{name}.png")) for name in names],
    }
    render_page(inputs=PageInputs.from_files(video, files), page=out)
    return out.read_text(encoding="utf-8")


def overview_of(made: MadeResults, fit: bool = True, scenes=None, groups=None, **files) -> str:
    made.add_set(fit)
    return overview(made, fit, scenes, groups, **files)


def overview(made: MadeResults, fit: bool = True, scenes=None, groups=None, **files) -> str:
    """The overview of a set that is there; `fit`: whether one was asked for."""
    videos = list(made.videos)
    files = {
        "facts": [made.results.video_facts(video=video) for video in videos],
        "quality": [made.results.quality(video=video) for video in videos],
        "summary": made.results.summary(),
        "weights": made.results.weights_facts(weights="vgg19"),
        "segments": [
            made.results.segments(variant=variant, video=video)
            for variant in made.variants
            for video in videos
        ],
        "figures": [picture(made.results.static_vs_dynamic())],
        "clips": [made.results.clips(variant=variant) for variant in made.variants],
        "scores": [made.results.scores(variant=variant) for variant in made.variants if fit],
        **files,
    }
    groups = groups or {video: video for video in videos}
    inputs = SetInputs.from_files(files, groups, scenes or {})
    results = made.results
    render_report(
        inputs=inputs,
        config=made.config,
        index=results.report(),
        methods=results.methods(),
        references=results.references(),
        provenance=results.provenance(),
    )
    return results.report().read_text(encoding="utf-8")
