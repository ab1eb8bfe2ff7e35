"""Decoding against independent oracles, geometry by calculation, selection by brute force."""

import json
import math
import threading
from fractions import Fraction
from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronovision.errors import UserError
from chronovision.frames import (
    Decoding,
    Frame,
    analysed_rows,
    decode,
    dump_frames,
    every_nth,
    resample,
    within,
)
from chronovision.probe import probe_video
from chronovision.store import read_json, read_provenance
from made_clips import (
    H264,
    cut,
    damage,
    decoded_frames,
    ffmpeg,
    make_clip,
    make_lossless,
    make_ramps,
)

SETTINGS = {"size": 32, "geometry": "crop", "every": 1, "fps": None}
WHOLE = (None, None)
PICTURE = np.zeros((1, 1, 3), np.uint8)
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def plain(clips):
    return make_clip(clips / "plain.mp4")


def frames_of(path, size=32, geometry="crop", stream=0, decoding=None):
    return list(decode(path, stream, size, geometry, decoding or Decoding()))


def picture_of(path, size=32, geometry="crop"):
    return frames_of(path, size, geometry)[0].rgb.astype(float)


# Decoding


def test_pictures_are_those_that_were_coded(clips):
    pictures = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    frames = frames_of(make_lossless(clips / "noise.mkv", pictures))
    assert [frame.index for frame in frames] == list(range(10))
    np.testing.assert_array_equal([frame.rgb for frame in frames], pictures)
    assert frames[0].rgb.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.mp4", ("-c:v", "libx264", "-bf", "3", "-g", "8")),
        ("x265.mp4", ("-c:v", "libx265", "-x265-params", "log-level=none")),
        ("v.webm", ("-c:v", "libvpx", "-g", "8")),
        ("m.avi", ("-c:v", "mpeg4", "-g", "8")),
        ("t.ts", ("-c:v", "libx264", "-bf", "2")),
        ("f.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray")),
        ("ten.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv422p10le")),
        ("offset.mkv", ("-c:v", "libx264", "-output_ts_offset", "7.3")),
    ],
)
def test_times_keys_and_pictures(clips, name, options):
    """Times and keys as ffprobe decodes them, pictures as a plain conversion gives them."""
    path = make_clip(clips / name, "testsrc2=s=64x64:r=12:d=2", *options)
    frames, expected = frames_of(path, 64), decoded_frames(path)
    first, start = frames[0].time, expected[0][0]
    assert [(f.time - first, f.key) for f in frames] == [(t - start, key) for t, key in expected]
    raw = ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    # The two differ in how they interpolate colour, hardly in luma.
    plainly = np.frombuffer(raw, np.uint8).reshape(-1, 64, 64, 3) @ LUMA
    luma = np.array([frame.rgb for frame in frames]) @ LUMA
    assert np.abs(luma - plainly).mean() < 3
    nearest = [np.abs(one - plainly).mean((1, 2)).argmin() for one in luma]
    assert nearest == list(range(24))


def test_frames_of_variable_rate_are_neither_doubled_nor_dropped(clips):
    source = "testsrc2=s=64x48:r=30:d=2,select='not(mod(floor(n*n/7)\\,3))'"
    path = make_clip(clips / "vfr.mkv", source, "-c:v", "libx264", "-fps_mode", "passthrough")
    times = [time for time, _ in decoded_frames(path)]
    assert [frame.time for frame in frames_of(path)] == times
    assert len(set(np.diff(times))) > 2


def test_a_stream_is_chosen_by_its_index(clips):
    both = ["-f", "lavfi", "-i", "color=red:s=64x48:r=12:d=1"]
    both += ["-f", "lavfi", "-i", "color=blue:s=64x48:r=12:d=1", "-map", "0", "-map", "1"]
    ffmpeg(*both, "-c:v", "libx264", clips / "both.mkv")
    red, blue = (frames_of(clips / "both.mkv", stream=n)[0].rgb.mean((0, 1)) for n in (0, 1))
    assert red.argmax() == 0 and blue.argmax() == 2


def test_known_cuts_are_where_they_are(clips):
    source = "color=red:s=64x48:r=12:d=1[a];color=green:s=64x48:r=12:d=0.5[b];[a][b]concat"
    colours = [
        frame.rgb.mean((0, 1)).argmax() for frame in frames_of(make_clip(clips / "c.mp4", source))
    ]
    assert colours == [0] * 12 + [1] * 6


def test_any_name(clips, plain):
    for name in ("sp ace's.mp4", "100%$(x);*?[a].mp4", "ü—映画.mp4", "a:b#c\\.mp4"):
        path = clips / name
        path.write_bytes(plain.read_bytes())
        assert len(frames_of(path)) == 36


def test_stopping_early_leaves_nothing_running(plain):
    before = threading.active_count()
    frames = decode(plain, 0, 32, "crop", Decoding())
    next(frames)
    assert threading.active_count() == before + 1
    frames.close()
    assert threading.active_count() == before


# Damage


@pytest.fixture(scope="module")
def damaged(clips):
    source = make_clip(
        clips / "noisy.mp4", "testsrc2=s=128x96:r=12:d=3,noise=alls=60:allf=t", *H264
    )
    return damage(source, clips / "damaged.mp4")


def test_damage_is_noted_and_the_same_each_time(damaged):
    first, second = Decoding(), Decoding()
    one, two = frames_of(damaged, decoding=first), frames_of(damaged, decoding=second)
    assert first.messages and second.messages
    assert not any("0x" in message for message in first.messages + second.messages)
    np.testing.assert_array_equal([f.rgb for f in one], [f.rgb for f in two])
    assert first.n_decoded == len(one)


def test_a_whole_file_gives_no_messages(plain):
    decoding = Decoding()
    assert len(frames_of(plain, decoding=decoding)) == decoding.n_decoded == 36
    assert not decoding.messages


def test_a_variable_rate_is_no_damage(clips):
    """A muxer of ours with ticks of 1/rate would complain of the jitter."""
    jitter = "settb=1/90000,setpts=(N+0.45*mod(N*7\\,5)/5)*3600"
    path = clips / "jitter.mp4"
    source = f"testsrc2=s=64x48:r=25:d=4,{jitter}"
    make_clip(path, source, *H264, "-fps_mode", "passthrough", "-enc_time_base", "1:90000")
    decoding = Decoding()
    frames = frames_of(path, decoding=decoding)
    assert len(frames) == 100 and len({b.time - a.time for a, b in pairwise(frames)}) > 1
    assert not decoding.messages


@pytest.mark.parametrize("name", ["partial file [error].mp4", "[h264 @ 0x1] [error] corrupt.mp4"])
def test_names_and_titles_are_no_messages(clips, name):
    path = clips / name
    title = ("-metadata", "title=x] [error] partial file moov atom not found")
    make_clip(path, "testsrc2=s=64x48:r=12:d=1", *H264, *title)
    probe_video(path, clips / "named.json", stream=None)
    decoding = Decoding()
    assert len(frames_of(path, decoding=decoding)) == 12
    assert not decoding.messages


def test_what_only_decoding_shows_is_refused(clips, plain):
    ffmpeg("-i", plain, "-c", "copy", clips / "plain.mkv")
    with pytest.raises(UserError, match="truncated.*ended prematurely"):
        frames_of(cut(clips / "plain.mkv", clips / "cut.mkv", 0.5))
    (clips / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match="truncated|FFmpeg stopped"):
        frames_of(clips / "text.mp4")


# Geometry. In make_ramps the source column of a pixel is its red, the row its green.


def expected_ramp(size, covered, offset=0.0):
    """Source coordinate at the centres of `size` pixels that cover `covered` source pixels."""
    return offset + (np.arange(size) + 0.5) * covered / size - 0.5


def assert_ramps(picture, columns, rows, inside=2):
    """All but the outermost pixels, where the scaler repeats the border."""
    inner = slice(inside, -inside)
    np.testing.assert_allclose(picture[inner, inner, 0].mean(0), columns[inner], atol=1.01)
    np.testing.assert_allclose(picture[inner, inner, 1].mean(1), rows[inner], atol=1.01)
    np.testing.assert_allclose(picture[inner, inner, 2], 200, atol=1.01)


@pytest.fixture(scope="module")
def ramps(clips):
    return make_lossless(clips / "ramps.mkv", np.array([make_ramps(64, 96)] * 2))


def test_crop_takes_the_centre_square(ramps):
    assert_ramps(picture_of(ramps), expected_ramp(32, 64, 16), expected_ramp(32, 64))


def test_squash_takes_everything(ramps):
    picture = picture_of(ramps, geometry="squash")
    assert_ramps(picture, expected_ramp(32, 96), expected_ramp(32, 64))


def test_pad_adds_black_bars(ramps):
    picture = picture_of(ramps, geometry="pad")
    height, top = round(32 * 64 / 96), (32 - 21) // 2
    assert (picture[:top] == 0).all() and (picture[top + height :] == 0).all()
    shown = picture[top : top + height]
    assert_ramps(shown, expected_ramp(32, 96), expected_ramp(height, 64))


def test_tall_pictures(clips):
    path = make_lossless(clips / "tall.mkv", np.array([make_ramps(96, 64)] * 2))
    assert_ramps(picture_of(path), expected_ramp(32, 64), expected_ramp(32, 64, 16))
    padded = picture_of(path, geometry="pad")
    assert (padded[:, :5] == 0).all() and (padded[:, 26:] == 0).all()
    assert_ramps(padded[:, 5:26], expected_ramp(21, 64), expected_ramp(32, 96))


def test_the_sample_aspect_ratio_counts(clips):
    """48×64 pixels, each twice as wide as high, are shown as 96×64."""
    wide = np.array([make_ramps(64, 48)] * 2)
    path = make_lossless(clips / "sar.mkv", wide, "12", "-vf", "setsar=2")
    assert_ramps(picture_of(path), expected_ramp(32, 32, 8), expected_ramp(32, 64))
    padded = picture_of(path, geometry="pad")
    assert (padded[:5] == 0).all() and (padded[26:] == 0).all()
    assert_ramps(padded[5:26], expected_ramp(32, 48), expected_ramp(21, 64))
    assert_ramps(picture_of(path, geometry="squash"), expected_ramp(32, 48), expected_ramp(32, 64))


def test_enlarging(clips):
    path = make_lossless(clips / "small.mkv", np.array([make_ramps(20, 30)] * 2))
    picture = picture_of(path, 60)
    assert_ramps(picture, expected_ramp(60, 20, 5), expected_ramp(60, 20), inside=4)


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotation_is_applied(clips, angle, turns):
    """Angles are counter-clockwise, as np.rot90 turns."""
    straight = np.array([make_ramps(64, 96)] * 2)
    coding = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p")
    source = make_lossless(clips / "straight.mkv", straight)
    ffmpeg("-i", source, *coding, clips / "straight.mp4")
    path = clips / f"turned{angle}.mp4"
    ffmpeg("-display_rotation", angle, "-i", clips / "straight.mp4", "-c", "copy", path)
    turned = np.rot90(picture_of(ramps_path := clips / "straight.mp4", geometry="squash"), turns)
    difference = np.abs(picture_of(path, geometry="squash") - turned)[2:-2, 2:-2]
    assert difference.mean() < 1.5, ramps_path


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize(
    ("width", "height"),
    [(65, 49), (49, 65), (17, 400), (400, 17), (31, 31), (97, 96), (33, 32), (639, 359)],
)
def test_odd_sizes_give_the_square(clips, width, height, geometry):
    path = clips / f"{width}x{height}.mkv"
    if not path.exists():
        make_lossless(path, np.full((2, height, width, 3), 90, np.uint8))
    picture = picture_of(path, 31, geometry)
    assert picture.shape == (31, 31, 3)
    shown = picture[picture[..., 0] > 0]
    np.testing.assert_allclose(shown, 90, atol=1)
    if geometry != "pad":
        assert len(shown) == 31 * 31


# Selection of frames

RATES = st.sampled_from(["8", "12.5", "24000/1001", "24", "25", "30000/1001", "30", "50", "60"])


def made_frames(times, keys=()):
    picture = np.zeros((1, 1, 3), np.uint8)
    return [Frame(n, Fraction(time), n in keys, picture) for n, time in enumerate(times)]


def steady(rate, n, start=0):
    return [start + Fraction(k) / Fraction(rate) for k in range(n)]


@st.composite
def series(draw):
    """Frames at growing times of milliseconds, some of them key frames."""
    steps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=40))
    start = draw(st.integers(0, 5000))
    times = [Fraction(start + sum(steps[:k]), 1000) for k in range(len(steps) + 1)]
    return made_frames(times, draw(st.sets(st.integers(0, len(steps)))))


def assert_keys(rows, frames):
    """A row's key flag: a key frame lies after the previous kept frame up to this one."""
    previous = -1
    for row in rows:
        between = [frame.key for frame in frames[previous + 1 : row.source_frame + 1]]
        assert row.key_frame == any(between)
        previous = row.source_frame


@settings(deadline=None)
@given(series(), st.integers(1, 9))
def test_every_nth(frames, every):
    rows = list(every_nth(iter(frames), every))
    kept = frames[::every]
    assert [row.source_frame for row in rows] == [frame.index for frame in kept]
    assert [row.time_s for row in rows] == [float(f.time - frames[0].time) for f in kept]
    assert not any(row.repeated for row in rows)
    assert_keys(rows, frames)


@settings(deadline=None)
@given(
    series(), st.sampled_from([None, 0.0, 0.1, 0.25, 1.0]), st.sampled_from([None, 0.1, 0.5, 3.0])
)
def test_within(frames, start_s, end_s):
    first = frames[0].time
    low = Fraction(0) if start_s is None else Fraction(str(start_s))
    high = math.inf if end_s is None else Fraction(str(end_s))
    expected = [frame.index for frame in frames if low <= frame.time - first < high]
    assert [frame.index for frame in within(iter(frames), start_s, end_s)] == expected


def test_time_counts_from_the_first_kept_frame():
    rows = list(every_nth(within(made_frames(steady("10", 30, 5)), 1.0, 2.0), 2))
    assert [row.source_frame for row in rows] == [10, 12, 14, 16, 18]
    assert [row.time_s for row in rows] == [0, 0.2, 0.4, 0.6, 0.8]


@settings(deadline=None)
@given(series(), st.sampled_from([1, 8, 12.5, 23.976, 24, 25, 29.97, 30, 60]))
def test_resampling_against_brute_force(frames, fps):
    """Tick k shows the last frame that is due by then; nothing is shown after the end."""
    rate, start = Fraction(str(fps)), frames[0].time
    times = [frame.time - start for frame in frames]
    due = [math.floor(time * rate + Fraction(1, 2)) for time in times]
    hold = Fraction(float(np.median(np.diff([float(time) for time in times]))))
    n = max(math.floor((times[-1] + hold) * rate + Fraction(1, 2)), 1)
    shown = [max(i for i, tick in enumerate(due) if tick <= k) for k in range(n)]
    rows = list(resample(iter(frames), fps))
    assert [row.source_frame for row in rows] == shown
    assert [row.time_s for row in rows] == [float(k / rate) for k in range(n)]
    assert [row.repeated for row in rows] == [
        False,
        *(a == b for a, b in zip(shown, shown[1:], strict=False)),
    ]
    assert_keys(rows, frames)


@settings(deadline=None)
@given(RATES, st.integers(2, 200), st.integers(0, 10))
def test_resampling_at_the_same_rate_is_the_identity(rate, n, start):
    fps = float(Fraction(rate))
    rows = list(resample(made_frames(steady(rate, n, start)), fps))
    assert [row.source_frame for row in rows] == list(range(n))
    assert not any(row.repeated for row in rows)
    np.testing.assert_allclose([row.time_s for row in rows], np.arange(n) / fps)


@settings(deadline=None)
@given(RATES, st.integers(3, 200))
def test_the_same_with_times_rounded_to_milliseconds(rate, n):
    times = [Fraction(round(time * 1000), 1000) for time in steady(rate, n)]
    rows = list(resample(made_frames(times), float(Fraction(rate))))
    assert [row.source_frame for row in rows] == list(range(n))


def test_24_to_30_repeats_a_fifth():
    rows = list(resample(made_frames(steady("24", 240)), 30))
    assert len(rows) == 300
    assert sum(row.repeated for row in rows) == 60
    assert {row.source_frame for row in rows} == set(range(240))


def test_upsampling_12_5_to_25_shows_each_frame_twice():
    rows = list(resample(made_frames(steady("12.5", 50), keys={0, 25}), 25))
    assert [row.source_frame for row in rows] == [k // 2 for k in range(100)]
    assert [row.repeated for row in rows] == [False, True] * 50
    assert [k for k, row in enumerate(rows) if row.key_frame] == [0, 50]


def test_downsampling_25_to_12_5_keeps_key_flags():
    rows = list(resample(made_frames(steady("25", 50), keys={0, 25}), 12.5))
    assert len(rows) == 25
    assert sum(row.key_frame for row in rows) == 2
    assert not any(row.repeated for row in rows)


def test_the_last_frame_lasts_a_median_interval():
    """Not until the end of a gap, and not for nothing."""
    times = [*steady("10", 10), Fraction(19, 10)]
    assert len(list(resample(made_frames(times), 10))) == 20
    assert len(list(resample(made_frames(steady("2", 4)), 10))) == 20


def test_a_gap_is_filled_with_the_frame_before():
    times = [time for time in steady("10", 20) if not 0.45 < time < 0.95]
    rows = list(resample(made_frames(times), 10))
    assert [row.source_frame for row in rows] == [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, *range(5, 15)]
    assert [k for k, row in enumerate(rows) if row.repeated] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("fps", [0.5, 1, 2, 8, 10, 12.5, 25, 30])
def test_as_many_rows_as_the_duration_holds(fps):
    frames = [Frame(i, Fraction(i, 25), False, PICTURE) for i in range(50)]
    assert len(list(resample(frames, fps))) == max(round(2 * fps), 1)


def test_a_jump_of_the_clock_is_refused():
    times = [*(Fraction(i, 25) for i in range(50)), Fraction(36000)]
    frames = [Frame(i, time, False, PICTURE) for i, time in enumerate(times)]
    with pytest.raises(UserError, match=r"timestamps jump by 35998 s at frame 50"):
        list(resample(frames, 10))


def test_one_frame():
    assert [row.source_frame for row in resample(made_frames([3]), 25)] == [0]
    assert list(resample([], 25)) == [] == list(every_nth([], 2)) == list(within([], 1, 2))


# Files


@pytest.fixture(scope="module")
def info(clips, plain):
    probe_video(str(plain), clips / "plain.json", stream=None)
    return clips / "plain.json"


def dump(info, output, span=WHOLE, strict=False, **settings):
    dump_frames(info, output, video="plain", settings=SETTINGS | settings, span=span, strict=strict)


def test_the_file_of_frames(info, plain, tmp_path):
    dump(info, tmp_path / "plain.h5")
    expected = frames_of(plain)
    with h5py.File(tmp_path / "plain.h5") as file:
        assert {name: data.dtype.str for name, data in file.items()} == {
            "rgb": "|u1", "source_frame": "<i8", "time_s": "<f8",
            "key_frame": "|b1", "repeated": "|b1",
        }  # fmt: skip
        np.testing.assert_array_equal(file["rgb"], [frame.rgb for frame in expected])
        np.testing.assert_allclose(file["time_s"], np.arange(36) / 12)
        np.testing.assert_array_equal(file["source_frame"], np.arange(36))
        np.testing.assert_array_equal(file["key_frame"], [frame.key for frame in expected])
        facts = dict(file.attrs)
    assert (facts["n_decoded"], facts["header_frames"], facts["vfr"]) == (36, 36, False)
    assert facts["frame_interval_s"] == pytest.approx(1 / 12)
    assert json.loads(facts["decoder_messages"]) == []
    record = read_provenance(tmp_path / "plain.h5")
    assert record["videos"]["plain"]["sha256"] == read_json(info)["sha256"]
    assert record["steps"]["dump_frames"]["size"] == 32


@pytest.mark.parametrize(
    ("span", "settings", "sources"),
    [
        (WHOLE, {"every": 5}, range(0, 36, 5)),
        ((1.0, 2.0), {}, range(12, 24)),
        ((1.0, None), {"every": 4}, range(12, 36, 4)),
        (WHOLE, {"fps": 6}, range(0, 36, 2)),
        ((0.5, 1.5), {"fps": 24}, np.repeat(range(6, 18), 2)),
    ],
)
def test_parts_and_rates(info, tmp_path, span, settings, sources):
    dump(info, tmp_path / "plain.h5", span, **settings)
    with h5py.File(tmp_path / "plain.h5") as file:
        kept, time_s = file["source_frame"][:], file["time_s"][:]
        assert file["rgb"].shape == (len(kept), 32, 32, 3)
    if "fps" not in settings:
        np.testing.assert_allclose(time_s, (kept - kept[0]) / 12)
        np.testing.assert_array_equal(kept, sources)
    else:
        np.testing.assert_allclose(time_s, np.arange(len(sources)) / settings["fps"])
        assert len(kept) == len(sources) and np.abs(kept - sources).max() <= 1


@pytest.mark.parametrize(
    ("span", "settings", "said"),
    [
        ((2.95, None), {}, r"0 usable frame\(s\)"),
        ((9.0, None), {}, r"0 usable frame\(s\)"),
        ((0.0, 0.05), {}, r"1 usable frame\(s\)"),
        (WHOLE, {"every": 36}, r"1 usable frame\(s\) of 36 decoded"),
        (WHOLE, {"fps": 0.2}, r"1 usable frame\(s\) of 36 decoded"),
    ],
)
def test_fewer_than_two_frames_are_refused(info, tmp_path, span, settings, said):
    with pytest.raises(UserError, match=said):
        dump(info, tmp_path / "plain.h5", span, **settings)
    assert list(tmp_path.iterdir()) == []


def test_no_decodable_frame_is_refused(clips, plain, tmp_path):
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "+faststart", clips / "garbage.mp4")
    data = (clips / "garbage.mp4").read_bytes()
    start = data.index(b"mdat") + 4
    (clips / "garbage.mp4").write_bytes(data[:start] + b"\xa5" * (len(data) - start))
    probe_video(str(clips / "garbage.mp4"), tmp_path / "info.json", stream=None)
    with pytest.raises(UserError, match=r"0 usable frame\(s\) of 0 decoded|FFmpeg stopped"):
        dump(tmp_path / "info.json", tmp_path / "frames.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["info.json"]


def test_damage_is_a_note_or_an_error(damaged, tmp_path):
    probe_video(str(damaged), tmp_path / "info.json", stream=None)
    dump(tmp_path / "info.json", tmp_path / "noted.h5")
    with h5py.File(tmp_path / "noted.h5") as file:
        assert json.loads(file.attrs["decoder_messages"])
    with pytest.raises(UserError, match="the decoder reports damage .* strict is true"):
        dump(tmp_path / "info.json", tmp_path / "strict.h5", strict=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["info.json", "noted.h5"]


def test_strict_takes_an_undamaged_file(info, tmp_path):
    dump(info, tmp_path / "plain.h5", strict=True)
    assert (tmp_path / "plain.h5").exists()


def test_memory_holds_one_picture_at_a_time(info):
    """The rows come as they are decoded, not as a list."""
    rows = analysed_rows(read_json(info), SETTINGS, WHOLE, decoding := Decoding())
    next(rows)
    assert decoding.n_decoded <= 1
    rows.close()
