"""FFmpeg and videos that fail while they are decoded: no short series is taken for whole."""

import shutil

import pytest

from chronovision.errors import UserError
from chronovision.videos import ffmpeg as tools
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe_video
from chronovision.videos.span import Span
from support.clips import make_clip
from support.tiers import slow_after

pytestmark = pytest.mark.moderate

SIZE = 64
SETTINGS = {"size": SIZE, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
FRAME = 3 * SIZE**2

#: A stand-in for ffmpeg. What decodes frames writes them to pipe:1; all else is left alone.
WRAPPER = """#!/bin/sh
case " $* " in *" pipe:1 "*) ;; *) exec '{ffmpeg}' "$@" ;; esac
{mishap}
"""


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "clip.mp4", "testsrc2=s=96x72:r=12:d=4")


@pytest.fixture
def dump(clip, tmp_path, monkeypatch):
    """Dump the clip's frames with an ffmpeg to which something happens."""
    info, output = tmp_path / "clip.json", tmp_path / "frames/clip.h5"
    probe_video(clip, info, stream=None)
    real, programs = tools.find_tools(), tmp_path / "bin"
    programs.mkdir()

    def run(mishap: str) -> None:
        wrapper = programs / "ffmpeg"
        names = {"ffmpeg": real.ffmpeg, "clip": clip}
        wrapper.write_text(WRAPPER.format(**names, mishap=mishap.format(**names)))
        wrapper.chmod(0o755)
        (programs / "ffprobe").symlink_to(real.ffprobe)
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        tools.find_tools.cache_clear()
        try:
            settings = {"video": "clip", "frames": SETTINGS, "span": Span()}
            dump_frames(info_path=info, strict=False, output=output, **settings)
        finally:
            tools.find_tools.cache_clear()
            assert not [path for path in output.parent.iterdir() if path != output]

    run.output = output
    return run


def test_the_stand_in_decodes(dump):
    dump("exec '{ffmpeg}' \"$@\"")
    assert dump.output.exists()


MISHAPS = {
    "killed within a frame": (
        f"'{{ffmpeg}}' \"$@\" | head -c {5 * FRAME + 100}; kill -9 $$",
        "broke off within frame 5",
    ),
    "killed between frames": (
        f"'{{ffmpeg}}' \"$@\" | head -c {5 * FRAME}; kill -9 $$",
        r"FFmpeg was killed \(signal 9\)",
    ),
    "killed at once": ("kill -9 $$", r"was killed \(signal 9\)|0 usable frame"),
    "failing after all frames": ("'{ffmpeg}' \"$@\"; exit 3", "FFmpeg stopped with status 3"),
    "silent on frames": ("'{ffmpeg}' \"$@\" 2>/dev/null", "did not describe frame 0"),
    "deleted while it is read": ("'{ffmpeg}' \"$@\"; rm '{clip}'", "has disappeared"),
    "replaced while it is read": (
        "'{ffmpeg}' \"$@\"; tr a b < '{clip}' > '{clip}.new'; mv '{clip}.new' '{clip}'",
        "is not the file that was probed",
    ),
    "growing while it is read": ("echo more >> '{clip}'; '{ffmpeg}' \"$@\"", "is not the file"),
}


@pytest.mark.parametrize("name", slow_after(2, MISHAPS))
def test_what_happens_to_ffmpeg_or_the_file_is_an_error(dump, name):
    mishap, said = MISHAPS[name]
    with pytest.raises(UserError, match=said):
        dump(mishap)
    assert not dump.output.exists()


def test_a_file_that_is_replaced_between_probing_and_decoding(dump, clip):
    other = make_clip(clip.with_name("other.mp4"), "testsrc=s=96x72:r=12:d=1")
    shutil.copy(other, clip)
    with pytest.raises(UserError, match="is not the file that was probed"):
        dump("exec '{ffmpeg}' \"$@\"")
    assert not dump.output.exists()
