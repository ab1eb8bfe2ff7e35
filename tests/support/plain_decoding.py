"""Decoding by a plain FFmpeg command, which shares with the package only the program."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chronovision.videos.ffmpeg import find_tools

TRUNCATION = re.compile("partial file|ended prematurely|moov atom not found", re.IGNORECASE)
#: Messages of errors, and warnings of data known to be corrupt.
DAMAGE = re.compile(r"\[(error|fatal|panic)\]|\[warning\].*corrupt")


@dataclass
class Decoded:
    """Exit status, messages, and of each frame time (s, as it stands) and MD5 of its pixels."""

    code: int
    messages: list[str]
    times: list[float]
    hashes: list[str]

    @property
    def is_truncated(self) -> bool:
        return any(map(TRUNCATION.search, self.messages))

    @property
    def is_damaged(self) -> bool:
        return any(map(DAMAGE.search, self.messages))


def decode_plainly(path: Path, stream: int, size: int, patience_s: float) -> Decoded:
    """Decode a stream to RGB pictures of `size` × `size`, squashed."""
    scaled = f"scale={size}:{size}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
    command = [find_tools().ffmpeg, "-hide_banner", "-nostdin", "-nostats"]
    command += ["-loglevel", "repeat+level+warning", "-threads", "1", "-i", path.name]
    command += ["-map", f"0:{stream}", "-vf", f"{scaled},format=rgb24", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "1:1000000", "-f", "framehash", "-hash", "md5", "pipe:1"]
    done = subprocess.run(
        command,
        cwd=path.parent,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=patience_s,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    times = [int(pts) * 1e-6 for _, _, pts, *_ in rows]
    return Decoded(done.returncode, done.stderr.splitlines(), times, [row[-1] for row in rows])
