"""Clips to be damaged: parts of real ones, small, in four codecs and containers."""

import subprocess
from pathlib import Path

from chronovision.commands.demo import carried_clip
from chronovision.videos.ffmpeg import find_tools

#: x265 logs by itself, and has threads of its own.
X265 = "log-level=none:pools=none:frame-threads=1:keyint=12"

#: File -> the carried clip, how it is coded, and how its sound is.
CLIPS = {
    "h264.mp4": ("bigbuckbunny", "-c:v libx264 -g 12 -movflags +faststart", "-c:a aac -b:a 48k"),
    "hevc.mkv": ("bikes", f"-c:v libx265 -preset fast -x265-params {X265}", "-an"),
    "vp9.webm": ("carphone", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 12", "-an"),
    "mpeg2.ts": ("bigbuckbunny", "-c:v mpeg2video -q:v 8 -g 12 -bf 2", "-c:a mp2 -b:a 64k"),
}
#: Those whose header or outermost element says where they end. MPEG-TS has no such thing.
WITH_END = ("h264.mp4", "hevc.mkv", "vp9.webm")


def make_clips(folder: Path) -> dict[str, Path]:
    """Two seconds of each clip: the same bytes whenever the same FFmpeg makes them."""
    for name, (clip, coding, sound) in CLIPS.items():
        command = [find_tools().ffmpeg, "-v", "error", "-nostdin", "-ss", "1"]
        command += ["-i", carried_clip(clip), "-t", "2", "-vf", "scale=160:-2", "-ac", "1"]
        command += ["-pix_fmt", "yuv420p", *coding.split(), *sound.split(), "-threads", "1"]
        command += ["-fflags", "+bitexact", "-flags", "+bitexact", folder / name]
        subprocess.run(command, check=True)
    return {name: folder / name for name in CLIPS}
