"""Numbered pictures in a folder: advice on how to make a video of them."""

import os
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from chronovision.videos.ffmpeg import find_tools

#: The name of a numbered picture: what stands before and after its last number. FFmpeg reads these
#: formats as series.
NUMBERED = re.compile(
    r"(?P<before>.*?)(?P<number>[0-9]+)"
    r"(?P<after>[^0-9]*\.(?:bmp|dpx|exr|jp2|jpe?g|pgm|png|pnm|ppm|tga|tiff?|webp))",
    re.IGNORECASE,
)
#: Characters that mean something in a pattern of file names.
SPECIAL = re.compile(r"[\\*?\[\]{}~]")


def advise_on_pictures(folder: Path, names: Iterable[str]) -> str | None:
    """Say how to make a video of the longest series of numbered pictures in a folder.

    Parameters
    ----------
    folder : Path
        Folder of the pictures. The video goes there as well, under the folder's name.
    names : iterable of str
        Names of the files in the folder.

    Returns
    -------
    str or None
        Text with a shell command; None if there is no series. The command takes the pictures in the
        order of their numbers, with leading zeros or without, even if some are missing, and keeps
        them without loss.
    """
    absolute = Path(os.path.abspath(folder))
    series: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    # A command with other names could not be copied from a terminal.
    shown = (name for name in names if f"{absolute}/{name}".isprintable())
    for match in filter(None, map(NUMBERED.fullmatch, shown)):
        series[match["before"], match["after"]][len(match["number"])] += 1
    if not series:
        return None
    (before, after), digits = max(series.items(), key=lambda one: sum(one[1].values()))
    if sum(digits.values()) < 2:
        return None
    # Patterns of as many digits sort by number; shorter numbers come first.
    patterns = [
        f"{_escaped(f'{absolute}/{before}')}{'[0-9]' * n}{_escaped(after)}" for n in sorted(digits)
    ]
    command = [find_tools().ffmpeg]
    for pattern in patterns:
        command += ["-f", "image2", "-pattern_type", "glob", "-framerate", "25", "-i", pattern]
    if len(patterns) > 1:
        command += ["-filter_complex", f"concat=n={len(patterns)}"]
    command += ["-c:v", "ffv1", f"{absolute}/{absolute.name}.mkv"]
    return (
        f"{sum(digits.values())} numbered pictures; make a video of them, with their rate in place "
        f"of 25, and run again: {shlex.join(command)}"
    )


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text)
