"""FFmpeg's log: descriptions of frames, damage, and files that end too early.

FFmpeg's threads write to one log. A message is never torn, but may begin within another thread's
unfinished line. It then lacks context and level, so that a description is recognised by its form.
"""

import queue
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from chronovision.videos.ffmpeg import ADDRESS, TRUNCATED

#: Showinfo's description of a frame.
SHOWINFO = re.compile(
    r"n: *(?P<number>\d+) pts: *(?P<pts>-?\d+|NOPTS) +pts_time:(?P<pts_time>NOPTS|[-+.\de]+) .*"
    r"iskey:(?P<key>[01]) type:"
)
#: Showinfo's description of the clock: before the first frame, and where the pictures change in
#: kind.
TIME_BASE = re.compile(r"config in time_base: (\d+)/([1-9]\d*), frame_rate: \d+/\d+$")
#: Messages of damage: errors, and warnings of corrupt frames or of a second film in the file, which
#: FFmpeg leaves out. A message may stand within another thread's line and then lack its level, so
#: that of much damage not every message is found.
DAMAGE = re.compile(
    r"(?:^|\[[^\]]* @ 0x[0-9a-f]+\] )"
    r"\[(?:(?:error|fatal|panic)\]|warning\].*(?:corrupt|duplicated MOOV))(?:(?!\[\S* @ 0x).)*",
    re.MULTILINE,
)
#: Messages of damaged packets, with the stream and the decoding timestamp.
CORRUPT = re.compile(
    r"(?:Packet corrupt \(stream = |corrupt input packet in stream )(\d+)(?:, dts = (\w+)\))?"
)
#: First characters of lines that quote names and titles from the file, before any frame is
#: described.
QUOTED = "[info]"
#: First character of the second and further lines of a title.
CONTINUED = " "
#: Lines of level info after the first frame, which describe only the output.
OUTPUT = re.compile(
    r"\[info\] +(?:Output #0, rawvideo|Metadata:$|encoder +: Lav[fc]\S+(?: rawvideo)?$|"
    r"Stream #0:0.* tb[nrc]\b|Side data:$|displaymatrix: rotation of -?0\.00 degrees$|frame=|"
    r"video:\d+kB audio:0kB .* overhead: \S+$)"
)
#: A line of showinfo that no other message interrupts: nothing but names and values.
UNBROKEN = re.compile(r"\[Parsed_showinfo[^\]]*\] \[info\] (?:config .*|(?:[a-z_]+: *+\S++ *+)*+)")
#: Other lines with their level.
LEVELLED = re.compile(r"(?!\[Parsed_showinfo)(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[[a-z]+\] ")


@dataclass
class FfmpegReport:
    """What FFmpeg's log tells beside the descriptions of frames."""

    messages: Counter = field(default_factory=Counter)
    #: Whether something was said in the midst of a description, where FFmpeg leaves out its level.
    interrupted: bool = False


def find_damage(said: str) -> list[str]:
    """Return the messages of damage, without the muxer's complaints of equal timestamps."""
    found = (match[0].rstrip() for match in DAMAGE.finditer(said))
    return [message for message in found if "dts to muxer" not in message]


def of_pictures(messages: Iterable[str], stream: int, seams: int) -> list[str]:
    """Return the messages of damage that concern the pictures of a stream.

    Packets of other streams, such as sound, do not concern them. Nor do packets at the seams where
    parts were joined, since the packet counter jumps there, if there are no more corrupt packets
    than seams.
    """
    found = [(message, CORRUPT.search(message)) for message in messages]
    corrupt = {at[2] for _, at in found if at and int(at[1]) == stream and at[2]}
    excused = 0 < len(corrupt) <= seams
    return [text for text, at in found if not at or (int(at[1]) == stream and not excused)]


def parse_stderr(stderr: Iterable[bytes], described: queue.Queue, report: FfmpegReport) -> None:
    """Parse FFmpeg's log: descriptions of frames go to the queue, damage goes to `report`.

    Parameters
    ----------
    stderr : iterable of bytes
        Lines of ``ffmpeg -v repeat+level+info`` with the filter showinfo.
    described : queue.Queue
        Receives ``(time_base, pts, key)`` of each frame, where `pts` is an integer as text or
        ``NOPTS``. Receives None after the last frame, and for a description that cannot be right.
    report : FfmpegReport
        Filled meanwhile.
    """
    time_base, expected = None, 0
    for raw in stderr:
        line = raw.decode(errors="replace").rstrip()
        quoted = line.startswith(QUOTED)
        if time_base is None and (quoted or line.startswith(CONTINUED)):
            continue
        if not quoted and (match := TIME_BASE.search(line)):
            time_base, expected = Fraction(int(match[1]), int(match[2])), 0
        if match := SHOWINFO.search(line):
            sound = int(match["number"]) == expected and _agree(match, time_base)
            described.put((time_base, match["pts"], match["key"] == "1") if sound else None)
            expected += 1
        if quoted:
            report.interrupted |= not OUTPUT.match(line)
        elif not UNBROKEN.fullmatch(line):
            _note(line, report)
    described.put(None)


def _note(line: str, report: FfmpegReport) -> None:
    damage = find_damage(line)
    if not damage and TRUNCATED.search(line):
        damage = [line]
    report.interrupted |= not damage and not LEVELLED.match(line)
    report.messages.update(ADDRESS.sub("", message) for message in damage)


def _agree(shown: re.Match, time_base: Fraction | None) -> bool:
    """Return whether the clock fits the seconds that FFmpeg gives for the frame, in six digits."""
    if "NOPTS" in (shown["pts"], shown["pts_time"]):
        return shown["pts"] == shown["pts_time"]
    if time_base is None:
        return False
    time_s = float(int(shown["pts"]) * time_base)
    return abs(float(shown["pts_time"]) - time_s) <= 1e-6 + 1e-5 * abs(time_s)
