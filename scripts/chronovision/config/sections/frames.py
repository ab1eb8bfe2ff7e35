"""Section `frames` of the config."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from chronovision.config.fields import FRACTION, Section, key, read_fraction

Seconds = Annotated[float, Field(ge=0.001, le=600)]
#: What is a fraction has become a number before its type is looked at.
Fraction = Annotated[str, Field(pattern=f"^{FRACTION.pattern}$")]


class Frames(Section):
    """Which frames of a video are analysed, and how each becomes a square image."""

    size: int = key(
        224,
        "pixels: side of the square image that the network sees",
        unit="pixels",
        source="VGG's input size (Simonyan & Zisserman 2015)",
        ge=16,
        le=2048,
        why="networks pool smaller images to nothing; one larger image fills the memory of a GPU",
    )
    geometry: Literal["crop", "squash", "pad"] = key(
        "crop",
        "how the image becomes square",
        details="`crop`: short side to `size`, then the centre; a 16:9 image loses 44 %. "
        "`squash`: both sides to `size`, which distorts. `pad`: black bars.",
        source="R19 crops the centre",
    )
    every: int = key(
        1,
        "keep every nth decoded frame",
        unit="frames",
        source='the notebook\'s "every nth frame"',
        ge=1,
    )
    step_s: Annotated[Seconds | Fraction | None, BeforeValidator(read_fraction)] = key(
        None,
        "seconds, as a number or a fraction such as 1/6, or null: keep every nth frame, with n "
        "chosen for each video so that a step lasts about this long",
        details="1/6 s is every 4th frame at 24 and 25 frames/s, every 5th at 29.97. A fit across "
        "videos of different rates needs it; their real steps may differ by at most 5 %. Excludes "
        "`every`.",
        unit="s",
        source="ours",
        shown="`null` (as coded)",
        why="no film has shorter frames; as for `fps`",
    )
    fps: float | None = key(
        None,
        "frames per second to resample to, or null",
        details="Where the rate does not divide a video's own, steps are uneven, and so is the "
        "change. Excludes `every` and `step_s`.",
        unit="frames/s",
        source="ours",
        shown="`null` (as coded)",
        ge=0.002,
        le=1000,
        why="below, one frame would stand for more than eight minutes; ten are taken for broken "
        "times",
    )
    images: Literal["jpg", "png"] | None = key(
        None,
        "also write the individual frames, as images of this format",
        source="the notebook saves them",
        shown="`null` (no)",
    )

    def contradictions(self) -> Iterator[str]:
        """Keys of which one alone may be set."""
        if self.fps and self.every != 1:
            yield "frames.every and frames.fps are both set: set every: 1 or fps: null"
        for name, unset, default in (("fps", None, "null"), ("every", 1, 1)):
            if self.step_s and getattr(self, name) != unset:
                yield (
                    f"frames.step_s and frames.{name} are both set: set step_s: null or "
                    f"{name}: {default}"
                )
