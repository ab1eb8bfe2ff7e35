"""What FFmpeg says while it works: descriptions of frames, damage, files that end too early.

Its threads write to one log. What one of them says at a time is never torn, but may begin within a
line that has not ended yet, and then lacks context and level: a description is known by its form.
"""

import queue
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from chronovision.videos.ffmpeg import ADDRESS, TRUNCATED

#: Showinfo's description of a frame …
SHOWINFO = re.compile(
    r"n: *(?P<number>\d+) pts: *(?P<pts>-?\d+|NOPTS) +pts_time:(?P<pts_time>NOPTS|[-+.\de]+) .*"
    r"iskey:(?P<key>[01]) type:"
)
#: … and, before the first one, and again wherever the pictures change in kind, of its clock.
TIME_BASE = re.compile(r"config in time_base: (\d+)/([1-9]\d*), frame_rate: \d+/\d+$")
#: Levels at which FFmpeg reports damage; it warns of frames that it knows to be corrupt, and of a
#: second film in the file, which it leaves out. Such a message may stand within a line that another
#: thread had begun, or goes on with, and then now and then lacks its level: of much damage not
#: every message is known.
DAMAGE = re.compile(
    r"(?:^|\[[^\]]* @ 0x[0-9a-f]+\] )"
    r"\[(?:(?:error|fatal|panic)\]|warning\].*(?:corrupt|duplicated MOOV))(?:(?!\[\S* @ 0x).)*",
    re.MULTILINE,
)
#: Damaged packets, of any stream of the file, and their times of decoding.
CORRUPT = re.compile(
    r"(?:Packet corrupt \(stream = |corrupt input packet in stream )(\d+)(?:, dts = (\w+)\))?"
)
#: How lines begin that show names and titles out of the file, before any frame is described: the
#: second and further lines of a title begin with a space …
QUOTED, CONTINUED = "[info]", " "
#: … and, from then on, tell of the output alone.
OUTPUT = re.compile(
    r"\[info\] +(?:Output #0, rawvideo|Metadata:$|encoder +: Lav[fc]\S+(?: rawvideo)?$|"
    r"Stream #0:0.* tb[nrc]\b|Side data:$|displaymatrix: rotation of -?0\.00 degrees$|frame=|"
    r"video:\d+kB audio:0kB .* overhead: \S+$)"
)
#: A line of showinfo's alone: nothing but names and values.
UNBROKEN = re.compile(r"\[Parsed_showinfo[^\]]*\] \[info\] (?:config .*|(?:[a-z_]+: *+\S++ *+)*+)")
#: Other lines that say of which level they are.
LEVELLED = re.compile(r"(?!\[Parsed_showinfo)(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[[a-z]+\] ")


@dataclass
class Heard:
    """What FFmpeg has said beside the descriptions of frames."""

    messages: Counter = field(default_factory=Counter)
    #: Whether something was said in the midst of a description, where FFmpeg leaves out its level.
    interrupted: bool = False


def find_damage(said: str) -> list[str]:
    """The messages of damage, without what the writer of our output has against equal times."""
    found = (match[0].rstrip() for match in DAMAGE.finditer(said))
    return [message for message in found if "dts to muxer" not in message]


def of_pictures(messages: Iterable[str], stream: int, seams: int) -> list[str]:
    """The messages of damage that concern the pictures of a stream.

    Packets of other streams, as sound, do not; nor do packets at the seams where parts were joined,
    whose counter goes on otherwise, if no more packets are said to be corrupt than there are seams.
    """
    found = [(message, CORRUPT.search(message)) for message in messages]
    corrupt = {at[2] for _, at in found if at and int(at[1]) == stream and at[2]}
    excused = 0 < len(corrupt) <= seams
    return [text for text, at in found if not at or (int(at[1]) == stream and not excused)]


def parse_stderr(stderr: Iterable[bytes], described: queue.Queue, heard: Heard) -> None:
    """Sort FFmpeg's messages: descriptions of frames into the queue, damage into `heard`.

    Parameters
    ----------
    stderr : lines of ``ffmpeg -v repeat+level+info`` with the filter showinfo.
    described : gets ``(time_base, pts, key)`` of each frame, `pts` an integer as text or
        ``NOPTS``; None after the last, and in place of a description that cannot be right.
    heard : filled meanwhile.
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
            heard.interrupted |= not OUTPUT.match(line)
        elif not UNBROKEN.fullmatch(line):
            _note(line, heard)
    described.put(None)


def _note(line: str, heard: Heard) -> None:
    damage = find_damage(line)
    if not damage and TRUNCATED.search(line):
        damage = [line]
    heard.interrupted |= not damage and not LEVELLED.match(line)
    heard.messages.update(ADDRESS.sub("", message) for message in damage)


def _agree(shown: re.Match, time_base: Fraction | None) -> bool:
    """Whether the clock is the one by which FFmpeg gives the frame's seconds, in six digits."""
    if "NOPTS" in (shown["pts"], shown["pts_time"]):
        return shown["pts"] == shown["pts_time"]
    if time_base is None:
        return False
    time_s = float(int(shown["pts"]) * time_base)
    return abs(float(shown["pts_time"]) - time_s) <= 1e-6 + 1e-5 * abs(time_s)
