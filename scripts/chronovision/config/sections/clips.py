"""Section `clips` of the config."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from chronovision.config.fields import UNIQUE, Section, key

#: Rows of one video in the table of clips, which memory must hold for all videos together.
MAX_ROWS = 1_000_000

Seconds = Annotated[float, Field(ge=0.001, le=1.0e6)]


class Clips(Section):
    """The clips of many durations from which durations are learnt."""

    mode: Literal["random", "partition"] = key(
        "random",
        "how clips are taken from a video",
        details="`random`: at random starts for each duration. `partition`: the video is divided "
        "into uneven pieces.",
        source="R19; the notebook divides",
    )
    durations_s: Annotated[list[Seconds], UNIQUE] = key(
        [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64],
        "durations in seconds",
        details="Those above half of the shortest video that gives clips are left out for all "
        "videos.",
        unit="s",
        source="R19",
        shown="1 to 64, 13 values",
        min_length=1,
        why="numbers of frames and of clips must not overflow",
    )
    coverage: float = key(
        2,
        "clips of one duration together last this many times the video",
        source="ours: overlapping crops are not independent",
        gt=0,
        le=1000,
    )
    max_per_video: int = key(
        100,
        "most clips per video",
        details="The durations share them evenly; there are at least as many clips as durations.",
        unit="clips",
        source="ours",
        ge=1,
    )
    min_video_s: float | None = key(
        None,
        "seconds, or null: shorter videos give no clips, rather than shorten those of all others",
        details="They stay in the report.",
        unit="s",
        source="ours",
        shown="`null` (all give clips)",
        gt=0,
        le=1.0e6,
        why="as `segments.min_duration_s`",
    )
    snapshots: int = key(
        0,
        "additional rows per clip with the count reached at an earlier time within it",
        unit="rows",
        source="R19's code",
        ge=0,
        le=100,
    )
    repeats: int = key(
        1,
        "noise seeds per clip (dynamic threshold)",
        source="ours",
        ge=1,
        le=1000,
    )

    def contradictions(self) -> Iterator[str]:
        """More rows than memory holds, or fewer clips than durations."""
        rows = self.max_per_video * (1 + self.snapshots) * self.repeats
        if rows > MAX_ROWS:
            yield (
                f"clips: max_per_video × (1 + snapshots) × repeats is {rows}, and a video may have "
                f"{MAX_ROWS} rows in the table of clips: lower one of them"
            )
        if self.mode == "random" and self.max_per_video < len(self.durations_s):
            yield (
                f"clips.max_per_video is {self.max_per_video}, less than one for each of the "
                f"{len(self.durations_s)} clips.durations_s: raise it, or name fewer durations"
            )
