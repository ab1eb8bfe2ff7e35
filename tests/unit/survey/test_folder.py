"""Which files of a folder are taken for videos."""

from pathlib import Path

import pytest

from chronovision.survey.folder import find_videos
from support.clips import make_clip

SOURCE = "testsrc2=s=96x72:r=25:d=1"
#: Ending -> how a camera or program writes such files.
ENDINGS = {
    "3g2": ("-c:v", "mpeg4"),
    "f4v": ("-c:v", "libx264"),
    "dv": ("-vf", "scale=720:576", "-pix_fmt", "yuv420p"),
    "divx": ("-c:v", "mpeg4", "-f", "avi"),
    "mod": ("-c:v", "mpeg2video", "-f", "mpeg"),
    "tod": ("-c:v", "mpeg2video", "-f", "mpegts"),
    "insv": ("-c:v", "libx264", "-f", "mp4"),
    "ogm": ("-c:v", "libtheora", "-f", "ogg"),
    "vro": ("-c:v", "mpeg2video", "-f", "vob"),
    "m2p": ("-c:v", "mpeg2video", "-f", "mpeg"),
    "mpv": ("-c:v", "mpeg2video", "-f", "mpeg2video"),
    "lrv": ("-c:v", "libx264", "-f", "mp4"),
    "mjpg": ("-c:v", "mjpeg", "-f", "mjpeg"),
    "GIF": ("-r", "25"),
}


@pytest.mark.slow
def test_endings_of_cameras_and_programs_are_taken(tmp_path):
    for ending, options in ENDINGS.items():
        make_clip(tmp_path / f"film.{ending}", SOURCE, *options)
    # A GIF's pictures may each last a time of their own.
    delays = "testsrc2=s=96x72:r=10:d=1,settb=1/100,setpts='(N+4*gt(N,5))*10'"
    make_clip(tmp_path / "delays.gif", delays, "-fps_mode", "passthrough")
    (tmp_path / "notes.docx").touch()
    facts, skipped = find_videos(tmp_path)
    facts = {Path(path).name: about for path, about in facts.items()}
    assert set(facts) == {f"film.{ending}" for ending in ENDINGS} | {"delays.gif"}
    assert skipped == {"notes.docx": "no video, by its name"}
    assert facts["delays.gif"]["vfr"] and facts["delays.gif"]["n_frames"] == 10
    assert 1.3 < facts["delays.gif"]["duration_s"] < 1.7
