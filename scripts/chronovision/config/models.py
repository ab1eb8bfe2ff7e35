"""The config as models: each key's type, limits, default, meaning and source, in this one place.

To add a key, add it to its section. To add a section, write its class in `sections` and name it in
`Config`. Then run ``scripts/write_config_docs.py``, which writes what is made of the models.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from chronovision.config.fields import Section, key, write_out_home
from chronovision.config.sections.clips import Clips
from chronovision.config.sections.duration import Duration
from chronovision.config.sections.frames import Frames
from chronovision.config.sections.network import Features, Network
from chronovision.config.sections.salience import Changes, Thresholds
from chronovision.config.sections.segments import Segments
from chronovision.core.messages import did_you_mean, one_line, quoted
from chronovision.core.paths import is_too_long


def _require_possible(folder: str) -> str:
    if folder.startswith("~"):
        raise ValueError(f"{quoted(folder)} is in no user's home folder: write the path out")
    if is_too_long(folder):
        raise ValueError(
            f"{quoted(folder)} is longer than paths, or names in them, can be: shorten it"
        )
    return folder


Table = Annotated[
    str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(os.path.expanduser)
]
Results = Annotated[
    str,
    Field(pattern=r"^[^{}<>\x00-\x1f\x7f]+$"),
    AfterValidator(write_out_home),
    AfterValidator(_require_possible),
]


class Pathvars(Section):
    """Folders of the workflow, which Snakemake calls path variables."""

    results: Results = key(
        "results",
        "path of the folder of the outputs, without braces, angle brackets or control characters",
        details="It counts from the working directory. Give every set its own.",
        unit="path",
        source="ours",
    )


class Config(Section):
    """What is computed: keys of the whole set, and a section for each stage."""

    videos: Table = key(
        "config/videos.tsv",
        "path of the table of videos, without control characters; its columns: video path [group "
        "scene start_s end_s stream]",
        details="A relative path counts from the working directory, else from the project.",
        unit="path",
        source="ours",
    )
    seed: int = key(
        0,
        "a whole number from 0; every random draw derives from it, by video, clip and layer",
        source="ours",
        ge=0,
    )
    strict: bool = key(
        False,
        "true: decoder damage stops the video's job; false: it becomes a quality note",
        source="ours",
    )
    frames: Frames = Frames()
    network: Network = Network()
    features: Features = Features()
    changes: Changes = Changes()
    thresholds: Thresholds = Thresholds()
    segments: Segments = Segments()
    clips: Clips = Clips()
    duration: Duration = Duration()
    pathvars: Pathvars = Pathvars()

    def contradictions(self) -> Iterator[str]:
        """Yield mistakes that concern keys of several sections."""
        yield from self._of_levels()
        yield from self._of_layers()

    def _of_levels(self) -> Iterator[str]:
        dynamic, metrics = self.thresholds.dynamic, self.changes.metrics
        for name, level in (("tmax", dynamic.tmax), ("tmin", dynamic.tmin)):
            if isinstance(level, Mapping):
                yield from self._unknown(level, f"thresholds.dynamic.{name}")
        if (dynamic.tmax is not None or dynamic.tmin != "min") and len(metrics) > 1:
            yield (
                "thresholds.dynamic: a fixed tmax or tmin suits one metric, and changes.metrics "
                f"asks for {' and '.join(metrics)}: name one there, or set tmax: null and tmin: min"
            )

    def _of_layers(self) -> Iterator[str]:
        yield from self._unknown(self.network.keep_maps, "network.keep_maps")
        needed, layers = self.segments.min_layers, self.network.layers
        if needed != "majority" and needed > len(layers):
            yield f"segments.min_layers is {needed}, but network.layers has only {len(layers)}"

    def _unknown(self, layers: Iterable[str], name: str) -> Iterator[str]:
        known = self.network.layers
        for layer in layers:
            if layer not in known:
                hint = did_you_mean(layer, known)
                yield f"{name}: no layer {one_line(layer)} in network.layers: {hint}"
