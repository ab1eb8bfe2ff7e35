"""Section `segments` of the config."""

from typing import Annotated, Literal

from pydantic import Field

from chronovision.config.fields import Section, key

NumberOfLayers = Annotated[int, Field(ge=1)]


class Segments(Section):
    """Where salient changes of several layers are the boundary of a segment."""

    min_layers: NumberOfLayers | Literal["majority"] = key(
        "majority",
        "majority (more than half), or how many layers must be salient at a boundary",
        unit="layers",
        source="ours",
    )
    min_duration_s: float = key(
        0.5,
        "seconds: least distance between boundaries",
        details="Of two that are nearer, the stronger one stays.",
        unit="s",
        source="ours",
        ge=0,
        le=1.0e6,
        why="1e6 s are twelve days",
    )
