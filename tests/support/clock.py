"""The times of a film as its rows have them, against which the probe is held."""

import h5py
import numpy as np

from chronovision.core.provenance import read_provenance
from chronovision.core.timing import has_variable_rate, median_interval, nominal_interval
from chronovision.quality.notes import decoding_notes
from chronovision.videos.decoding import Decoding, decode
from chronovision.videos.frames import dump_frames
from chronovision.videos.probe import probe
from chronovision.videos.span import Span
from support.clips import make_clip

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "step_s": None, "fps": None}
WHOLE = Span()
H264 = ("-c:v", "libx264", "-bf", "2", "-g", "25")
MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-b:v", "60k")


def rows_of(path):
    """Times and pictures of the frames, as the rows have them."""
    decoding = Decoding()
    frames = list(decode(path, probe(path)["stream"], 32, "crop", decoding))
    times = np.array([float(frame.time - frames[0].time) for frame in frames])
    np.testing.assert_array_equal(times, decoding.time_s)
    return times, [frame.rgb.astype(int) for frame in frames]


def assert_is_that_of_the_rows(found, path):
    """One truth: what the probe says follows from the times of the rows, to the last digit."""
    time_s, _ = rows_of(path)
    assert found["n_frames"] == len(time_s)
    assert found["frame_rate"] == 1 / nominal_interval(time_s)
    assert found["vfr"] == has_variable_rate(time_s)
    assert found["median_interval_s"] == median_interval(time_s)
    assert found["duration_s"] == time_s[-1] + median_interval(time_s)


def make(path, *options, source="testsrc2=s=96x72:r=25:d=3"):
    return make_clip(path, source, *options)


STEADY = {
    "b.mp4": ("packets", (*H264, "-b:v", "1M")),
    "b.mkv": ("packets", (*H264, "-b:v", "1M")),
    "b.mov": ("packets", ("-c:v", "prores")),
    "b.flv": ("packets", (*H264, "-b:v", "1M")),
    "b.ts": ("packets", (*H264, "-b:v", "1M")),
    "h.mkv": ("packets", ("-c:v", "libx265", "-x265-params", "log-level=none")),
    "v.webm": ("packets", ("-c:v", "libvpx-vp9", "-lag-in-frames", "25", "-cpu-used", "8")),
    "j.avi": ("packets", ("-c:v", "mjpeg")),
    "x.mkv": ("packets", ("-c:v", "ffv1")),
    "v8.webm": ("decoded", ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "25")),
    "a.mpg": ("decoded", MPEG2),
    "dvd.mpg": ("decoded", ("-target", "pal-dvd")),
    "m.ts": ("decoded", MPEG2),
    "m.avi": ("decoded", ("-c:v", "mpeg4", "-bf", "2")),
    "b.avi": ("decoded", (*H264, "-b:v", "1M")),
    "w.wmv": ("decoded", ("-c:v", "wmv2")),
}


def dump(folder, strict=False):
    """Quality notes of the frames of the probed video, by name, and their provenance."""
    options = {"video": "v", "frames": SETTINGS, "span": WHOLE, "strict": strict}
    dump_frames(info_path=folder / "info.json", output=folder / "frames.h5", **options)
    with h5py.File(folder / "frames.h5") as file:
        notes = {note.note: note for note in decoding_notes(file.attrs, True)}
        assert (np.diff(file["time_s"]) >= 0).all()
    return notes, read_provenance(folder / "frames.h5")
