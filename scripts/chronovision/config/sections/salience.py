"""Sections `changes` and `thresholds` of the config."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from chronovision.config.fields import UNIQUE, Section, key
from chronovision.core.metrics import METRICS
from chronovision.core.threshold_kinds import THRESHOLD_KINDS

# A checker does not know the names of a registry.
Metric: TypeAlias = Literal[tuple(METRICS)]  # type: ignore[valid-type]
ThresholdKind: TypeAlias = Literal[tuple(THRESHOLD_KINDS)]  # type: ignore[valid-type]
Level = Annotated[float, Field(ge=0, le=1.0e12)]
#: A number for every layer, by its name.
LevelPerLayer = dict[str, Level]
Percentile = Annotated[float, Field(ge=0, le=100)]


class Changes(Section):
    """How the change between successive frames is measured."""

    metrics: Annotated[list[Metric], UNIQUE] = key(
        ["correlation", "euclidean"],
        "metrics of change, computed side by side",
        details=" ".join(f"`{metric.name}`: {metric.label}." for metric in METRICS.values()),
        source="the notebook; R19",
        min_length=1,
    )


class Dynamic(Section):
    """The dynamic threshold: it decays from Tmax to Tmin, and each salient change resets it."""

    tmax_scale: float = key(
        1.0,
        "factor above 0: Tmax = tmax_scale · (Fmax + Fmin)/2",
        source='the notebook: "experiment with different scaling factors"',
        gt=0,
        le=1000,
        why="thresholds must not overflow",
    )
    tmax: Level | LevelPerLayer | None = key(
        None,
        "null, or a fixed Tmax: one number for all layers, or one per layer by name",
        details="With one metric only.",
        unit="as the change",
        source="R19 for AlexNet: see `roseboom2019.yaml`",
        why="as `tmax_scale`",
    )
    tmin: Level | LevelPerLayer | Literal["min"] = key(
        "min",
        "min (Fmin), one number for all layers, or one per layer by name",
        details="A Tmin near the least change makes a [pacemaker](../docs/method.md#traps).",
        unit="as the change",
        source="ours (the method followed does not define it); R19 fixes it",
        why="as `tmax_scale`",
    )
    tau_s: float | None = key(
        3.33,
        "seconds, or null: time constant of the decay",
        details="The noise is then scaled by √(30·Δt).",
        unit="s",
        source="R19: 100 frames at 30 frames/s",
        ge=0.001,
        le=1.0e6,
        why="as `tmax_scale`: one step moves the threshold by (Tmax − Tmin)·Δt/τ",
    )
    tau_frames: float | None = key(
        None,
        "frames, or null: the time constant as published",
        details="Set `tau_s: null` with it.",
        unit="frames",
        source="R19: 100",
        ge=0.001,
        le=1.0e6,
        why="as `tau_s`",
    )
    noise_divisor: float | None = key(
        50,
        "a number above 0, or null for no noise: s.d. of the noise = (Tmax − Tmin)/noise_divisor",
        source="R19",
        ge=0.001,
        le=1.0e9,
        why="as `tmax_scale`",
    )
    bounded: bool = key(
        False,
        "true keeps the threshold within Tmin and Tmax",
        details="The published noise is an unbounded random walk that fires by itself.",
        source="R19 (unbounded)",
    )

    def contradictions(self) -> Iterator[str]:
        """One time constant is needed, in one unit."""
        if (self.tau_s is None) == (self.tau_frames is None):
            yield (
                "thresholds.dynamic: set one of tau_s (seconds) and tau_frames (frames) and make "
                "the other null"
            )


class Thresholds(Section):
    """Which changes are salient: those above a static or a dynamic threshold."""

    kinds: Annotated[list[ThresholdKind], UNIQUE] = key(
        ["static", "dynamic"],
        "kinds of threshold, computed side by side",
        details="`static` is (Fmax + Fmin)/2. `dynamic` decays from Tmax, and each salient change "
        "resets it.",
        source="the notebook; R19",
        min_length=1,
    )
    scope: Literal["video", "set"] = key(
        "video",
        "whose changes set Fmin and Fmax",
        details="`video`: each video's own, whatever their scale, so that busy and calm films "
        "cannot be compared. `set`: those of all videos together.",
        source="the notebook; R19 has one threshold for all",
    )
    range: Literal["minmax", "percentile"] = key(
        "minmax",
        "which of the changes are Fmin and Fmax",
        details="`minmax`: the least and the greatest. `percentile`: two percentiles, so that no "
        "single cut sets them.",
        source="the notebook",
    )
    percentiles: list[Percentile] = key(
        [1, 99],
        "two percentiles, the lower first: Fmin and Fmax if range is percentile",
        unit="%",
        source="ours",
        min_length=2,
        max_length=2,
    )
    dynamic: Dynamic = Dynamic()

    def contradictions(self) -> Iterator[str]:
        """Percentiles the wrong way round."""
        low, high = self.percentiles
        if low >= high:
            yield f"thresholds.percentiles: {low:.15g} is not below {high:.15g}"
