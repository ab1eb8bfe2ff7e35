"""All stages of one film, each in a process of its own, as the workflow would run them."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from chronovision.core.results import Results
from chronovision.videos.span import Span
from measure import Cost, in_process

PROJECT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((PROJECT / "config/config.yaml").read_text(encoding="utf-8"))
POOLS = CONFIG["network"]["layers"]
SPAN = Span()
METRICS = CONFIG["changes"]["metrics"]
THRESHOLDS = CONFIG["thresholds"]["kinds"]
KINDS = [(metric, threshold) for metric in METRICS for threshold in THRESHOLDS]
VARIANTS = [f"{metric}.{threshold}" for metric, threshold in KINDS]


def decoding(size: int) -> dict:
    """The config's section, for pictures of another size."""
    return {**CONFIG["frames"], "size": size}


def network(**changed: object) -> dict:
    """The config's section with an untrained VGG19 on the CPU, but for what is `changed`."""
    return {**CONFIG["network"], "weights": "untrained", "device": "cpu", **changed}


@dataclass(frozen=True)
class Film:
    """Where a film's results lie, and how to make each of them."""

    root: Path
    video: str

    @property
    def results(self) -> Results:
        return Results(self.root)

    @property
    def info(self) -> Path:
        return self.results.video_facts(video=self.video)

    @property
    def frames(self) -> Path:
        return self.results.frames(video=self.video)

    @property
    def features(self) -> Path:
        return self.results.features(video=self.video)

    @property
    def pixels(self) -> Path:
        return self.results.pixels(video=self.video)

    @property
    def thumbnails(self) -> Path:
        return self.results.thumbnails(video=self.video)

    @property
    def quality(self) -> Path:
        return self.results.quality(video=self.video)

    @property
    def page(self) -> Path:
        return self.results.page(video=self.video)

    @property
    def weights(self) -> tuple[Path, Path]:
        """Weights, and what they are."""
        return self.results.weights(weights="vgg19"), self.results.weights_facts(weights="vgg19")

    def changes(self, metric: str) -> Path:
        return self.results.changes(metric=metric, video=self.video)

    def accumulators(self, variant: str) -> Path:
        return self.results.accumulators(variant=variant, video=self.video)

    def segments(self, variant: str) -> Path:
        return self.results.segments(variant=variant, video=self.video)

    def figures(self) -> list[Path]:
        ours = {"video": self.video}
        return [
            *(self.results.timeline(variant=variant, **ours) for variant in VARIANTS),
            *(self.results.counts_figure(metric=metric, **ours) for metric in METRICS),
            *(self.results.changes_figure(metric=metric, **ours) for metric in METRICS),
            *(self.results.heatmaps(**ours), self.results.similarity(**ours)),
        ]


def snakemake(home: Path, *words: str, cores: int) -> None:
    """Run the workflow in a folder with a config.yaml.

    Raises
    ------
    RuntimeError : it failed.
    """
    command = [
        *(sys.executable, "-m", "snakemake", "--cores", cores),
        *("--snakefile", PROJECT / "Snakefile", "--directory", home),
        *("--workflow-profile", PROJECT / "profiles/default"),
        *("--configfile", "config.yaml", *words),
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=home, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"snakemake failed: {done.stderr[-2000:]}")


# Each imports what it needs by itself, as a job of the workflow does.


def probe(film: Film, source: Path) -> None:
    from chronovision.videos.probe import probe_video

    probe_video(source, film.info, stream=None)


def dump(film: Film, size: int) -> None:
    from chronovision.videos.frames import dump_frames

    dump_frames(
        info_path=film.info,
        video=film.video,
        frames=decoding(size),
        span=SPAN,
        strict=False,
        output=film.frames,
    )


def describe(film: Film, size: int) -> None:
    from chronovision.confounds.pixels import describe_frames

    describe_frames(
        info_path=film.info,
        video=film.video,
        frames=decoding(size),
        span=SPAN,
        table=film.pixels,
        thumbnails=film.thumbnails,
    )


def fetch(film: Film, section: dict) -> tuple[Path, Path]:
    from chronovision.features.weights import fetch_weights

    fetch_weights(section, 0, *film.weights)
    return film.weights


def extract(film: Film, section: dict, threads: int, window=None) -> dict:
    """Seconds that the network's stream of frames took, without the start-up, and how many."""
    import logging

    from chronovision.features.extraction import extract_features

    found: list[logging.LogRecord] = []
    logger = logging.getLogger("chronovision.features.extraction")
    logger.setLevel(logging.INFO)
    logger.addFilter(found.append)  # which returns None, so that nothing is printed
    weights, facts = film.weights
    extract_features(
        frames=film.frames,
        weights=weights,
        facts=facts,
        network=section,
        seed=0,
        threads=threads,
        window=window,
        features=film.features,
    )
    n_frames, seconds, _ = found[-1].args
    return {"n_frames": n_frames, "stream_s": seconds}


def change(film: Film, metric: str) -> None:
    from chronovision.salience.changes import measure_changes

    measure_changes(film.features, film.changes(metric), metric=metric)


def accumulate(film: Film, metric: str, threshold: str) -> None:
    from chronovision.salience.accumulators import accumulate_changes

    accumulate_changes(
        changes={metric: film.changes(metric)},
        ranges={},
        video=film.video,
        threshold=threshold,
        thresholds=CONFIG["thresholds"],
        seed=0,
        tables={metric: film.accumulators(f"{metric}.{threshold}")},
    )


def segment(film: Film, metric: str, threshold: str) -> None:
    from chronovision.segmentation.segments import segment_video

    kind = f"{metric}.{threshold}"
    segment_video(
        accumulators={metric: film.accumulators(kind)},
        changes={metric: film.changes(metric)},
        segments=CONFIG["segments"],
        tables={metric: film.segments(kind)},
    )


def check(film: Film) -> None:
    from chronovision.quality.notes import check_quality

    check_quality(
        features=film.features,
        pixels=film.pixels,
        changes={metric: film.changes(metric) for metric in METRICS},
        dynamic={metric: film.accumulators(f"{metric}.dynamic") for metric in METRICS},
        ranges={},
        thresholds=CONFIG["thresholds"],
        table=film.quality,
    )


def plot(film: Film) -> None:
    from chronovision.core.keys import by_stem
    from chronovision.figures.video import VideoResults, plot_video

    files = {
        "features": film.features,
        "thumbnails": film.thumbnails,
        "changes": list(map(film.changes, METRICS)),
        "accumulators": list(map(film.accumulators, VARIANTS)),
        "segments": list(map(film.segments, VARIANTS)),
    }
    results = VideoResults.from_files(film.video, files)
    plot_video(results=results, figures=by_stem(film.figures()))


def page(film: Film) -> None:
    from chronovision.report.video_page import PageInputs, render_page

    files = {
        "facts": film.info,
        "quality": film.quality,
        "features": film.features,
        "accumulators": list(map(film.accumulators, VARIANTS)),
        "segments": list(map(film.segments, VARIANTS)),
        "thumbnails": film.thumbnails,
        "figures": film.figures(),
    }
    render_page(inputs=PageInputs.from_files(film.video, files), page=film.page)


def steps_from_features() -> Iterator[tuple[str, Callable, tuple]]:
    """Name, function and arguments after the film of each stage that follows the features."""
    yield from (("measure_changes", change, (metric,)) for metric in METRICS)
    yield from (("accumulate_changes", accumulate, kind) for kind in KINDS)
    yield from (("segment_video", segment, kind) for kind in KINDS)
    yield "check_quality", check, ()
    yield "plot_video", plot, ()
    yield "render_page", page, ()


def run_from_features(film: Film) -> dict[str, list[Cost]]:
    """Costs of every stage that follows the features, one of each of its tables."""
    costs: dict[str, list[Cost]] = {}
    for name, function, args in steps_from_features():
        costs.setdefault(name, []).append(in_process(function, film, *args))
    return costs


def as_json(costs: Mapping[str, Sequence[Cost]]) -> dict[str, dict[str, float]]:
    """Seconds of each stage, s, and of its costliest table, table_s; peak of memory, mb."""
    return {
        name: {
            "s": sum(cost.seconds for cost in of_stage),
            "table_s": max(cost.seconds for cost in of_stage),
            "mb": max(cost.peak_mb for cost in of_stage),
        }
        for name, of_stage in costs.items()
    }
