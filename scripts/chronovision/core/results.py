"""Paths of all outputs in a results folder: `Results` is the only place that composes them.

The rules repeat the patterns; tests/contract/test_results_paths.py keeps both equal. Jobs get their
paths from the rules, and so do not need this module.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import overload

#: Rule -> pattern of the names of its logs and benchmarks, in a folder with the rule's name. A rule
#: with one job (None) names them itself.
JOBS = {
    "probe_video": "{video}",
    "dump_frames": "{video}",
    "export_images": "{video}",
    "describe_frames": "{video}",
    "fetch_weights": "{weights}",
    "extract_features": "{video}",
    "extract_piece": "{video}.{piece}",
    "measure_changes": "{metric}.{video}",
    "pool_ranges": "{metric}",
    "accumulate_changes": "{threshold}.{video}",
    "summarise_counts": None,
    "segment_video": "{threshold}.{video}",
    "build_clip_table": "{variant}",
    "fit_duration_model": "{variant}",
    "apply_duration_model": None,
    "check_quality": "{video}",
    "plot_video": "{video}",
    "plot_set": None,
    "render_page": "{video}",
    "render_report": None,
}

_WILDCARD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Files:
    """The files of one kind of output in a results folder.

    Attributes
    ----------
    root : Path
        The results folder.
    pattern : str
        Pattern of their paths from there, e.g. ``changes/{metric}/{video}.tsv``. The wildcard
        `variant` stands for ``{metric}.{threshold}``.
    """

    root: Path
    pattern: str

    def __call__(self, **wildcards: object) -> Path:
        """Return the path of the file for these values of the wildcards.

        Raises
        ------
        TypeError
            A wildcard of the pattern is missing, or the pattern has no such one.
        """
        self._require(set(wildcards), self._names())
        return self.root / self.pattern.format(**wildcards)

    def found(self, **known: object) -> dict[str, Path]:
        """Return the files that are there, by the one wildcard that is left open.

        Parameters
        ----------
        **known : object
            Values of all other wildcards.

        Returns
        -------
        dict of str to Path
            Value of the open wildcard -> path, sorted by path.

        Raises
        ------
        TypeError
            More than one wildcard is left open, or none.

        Examples
        --------
        >>> Results("results/demo").changes.found(video="busy")  # doctest: +SKIP
        {'correlation': PosixPath('results/demo/changes/correlation/busy.tsv')}
        """
        opened = self._names() - set(known)
        if len(opened) != 1:
            raise TypeError(f"{self.pattern}: one wildcard must be left open, not {len(opened)}")
        (name,) = opened
        self._require({*known, name}, self._names())
        path = self.pattern.format(**known, **{name: "*"})
        form = re.escape(path).replace(r"\*", r"([^/]+\.[^/]+)" if name == "variant" else "([^/]+)")
        paths = {one.relative_to(self.root).as_posix(): one for one in self.root.glob(path)}
        matches = ((re.fullmatch(form, short), paths[short]) for short in sorted(paths))
        return {match[1]: one for match, one in matches if match}

    def _names(self) -> set[str]:
        return set(_WILDCARD.findall(self.pattern))

    def _require(self, given: set[str], names: set[str]) -> None:
        if given != names:
            wanted = ", ".join(sorted(names)) or "none"
            raise TypeError(f"{self.pattern}: its wildcards are {wanted}, not {sorted(given)}")


@dataclass(frozen=True)
class Output:
    """One kind of output of the rules, by the pattern of its paths from the results folder."""

    pattern: str

    @overload
    def __get__(self, results: None, owner: type) -> "Output": ...

    @overload
    def __get__(self, results: "Results", owner: type) -> Files: ...

    def __get__(self, results: "Results | None", owner: type) -> "Output | Files":
        """Return its files in a results folder."""
        return self if results is None else Files(results.root, self.pattern)


class Results:
    """A results folder: where each kind of output lies in it.

    Parameters
    ----------
    root : path-like
        The folder, e.g. ``results/demo``; it need not be there.

    Notes
    -----
    Each table (``.tsv``) has a sidecar beside it, see `chronovision.core.files.sidecar_path`.

    Examples
    --------
    >>> results = Results("results/demo")
    >>> str(results.changes(metric="correlation", video="busy"))
    'results/demo/changes/correlation/busy.tsv'
    >>> str(results.scores(variant="correlation.static"))
    'results/demo/duration/correlation.static/scores.tsv'
    """

    video_facts = Output("videos/{video}.json")
    frames = Output("frames/{video}.h5")
    images = Output("images/{video}")
    pixels = Output("pixels/{video}.tsv")
    thumbnails = Output("pixels/{video}.thumbnails.h5")
    weights = Output("weights/{weights}.pth")
    weights_facts = Output("weights/{weights}.json")
    pieces = Output("pieces/{video}/{piece}.h5")
    features = Output("features/{video}.h5")
    changes = Output("changes/{metric}/{video}.tsv")
    ranges = Output("ranges/{metric}.tsv")
    accumulators = Output("accumulators/{variant}/{video}.tsv")
    summary = Output("accumulators/summary.tsv")
    segments = Output("segments/{variant}/{video}.tsv")
    clips = Output("clips/{variant}.tsv")
    clip_controls = Output("clips/controls/{variant}.tsv")
    predictions = Output("duration/{variant}/predictions.tsv")
    scores = Output("duration/{variant}/scores.tsv")
    model = Output("duration/{variant}/model.skops")
    applied_predictions = Output("duration/applied/predictions.tsv")
    applied_scores = Output("duration/applied/scores.tsv")
    quality = Output("quality/{video}.tsv")
    timeline = Output("figures/{video}/timeline.{variant}.png")
    counts_figure = Output("figures/{video}/counts.{metric}.png")
    changes_figure = Output("figures/{video}/changes.{metric}.png")
    heatmaps = Output("figures/{video}/heatmaps.png")
    similarity = Output("figures/{video}/similarity.png")
    predicted_vs_real = Output("figures/set/predicted_vs_real.{variant}.png")
    counts_vs_duration = Output("figures/set/counts_vs_duration.{variant}.png")
    static_vs_dynamic = Output("figures/set/static_vs_dynamic.png")
    metric_vs_metric = Output("figures/set/metric_vs_metric.png")
    page = Output("report/{video}.html")
    report = Output("report/index.html")
    methods = Output("report/methods.md")
    references = Output("report/references.bib")
    provenance = Output("provenance.json")

    def __init__(self, root: str | os.PathLike) -> None:
        """Take `root` for the results folder."""
        self.root = Path(root)

    def log(self, rule: str, **wildcards: object) -> Path:
        """Return the path of the log of a job of a rule."""
        return Files(self.root, job_pattern("logs", rule) + ".log")(**wildcards)

    def benchmark(self, rule: str, **wildcards: object) -> Path:
        """Return the path of what Snakemake measured of a job of a rule."""
        return Files(self.root, job_pattern("benchmarks", rule) + ".tsv")(**wildcards)

    @property
    def locks(self) -> Path:
        """Folder of the locks by which jobs share out GPUs, and runs the results."""
        return self.root / "locks"

    @property
    def videos_table(self) -> Path:
        """Table of videos that ``make run`` keeps."""
        return self.root / "videos.tsv"

    @property
    def run_config(self) -> Path:
        """Config overlay that ``make run`` writes."""
        return self.root / "run.yaml"

    @property
    def survey(self) -> Path:
        """Record of the surveyed folder, and of the videos table as the survey left it."""
        return self.root / "survey.json"

    @property
    def probed(self) -> Path:
        """Cache of the survey's probing results."""
        return self.root / "probed.json"


def job_pattern(folder: str, rule: str) -> str:
    """Return the pattern of a rule's logs or benchmarks (`folder`), without the ending."""
    name = JOBS[rule]
    return f"{folder}/{rule}" if name is None else f"{folder}/{rule}/{name}"


def output_patterns() -> dict[str, str]:
    """Return the patterns of the paths of all kinds of output of the rules, by their names."""
    return {name: one.pattern for name, one in vars(Results).items() if isinstance(one, Output)}
