"""Clips: where they are cut, and what is counted in them."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronovision.core.provenance import read_provenance
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import read_table
from chronovision.duration.clip_design import (
    Footage,
    clip_length,
    describe_design,
    left_out,
    plan_clips,
)
from chronovision.duration.clips import Video, assemble_series
from chronovision.duration.comparability import NoFitError
from chronovision.duration.counting import Clip, count_dynamic, count_static
from chronovision.duration.pixel_control import pixel_ranges, pixel_thresholds
from chronovision.duration.sampling import (
    partition_clips,
    random_clips,
    sample_clips,
    snapshot_lengths,
)
from chronovision.errors import UserError
from chronovision.salience.thresholds import pool_ranges
from support.paths import PROJECT
from support.published_rule import by_frames, by_seconds
from support.sets import CLIPS, LAYERS, THRESHOLDS, MadeSet, made_changes, made_set


def planned(times, **clips):
    """The design for videos of these times, with those settings of the config's `clips`."""
    footage = {video: Footage.of(time_s) for video, time_s in times.items()}
    return plan_clips(footage, {**CLIPS, **clips})


def sampled(times, seed=0, **clips):
    return sample_clips(times, planned(times, **clips), {**CLIPS, **clips}, seed)


rates = st.sampled_from([5.0, 12.5, 24000 / 1001, 25.0, 30.0, 60.0])
durations = st.lists(st.floats(0.2, 6), min_size=1, max_size=6, unique=True)


@given(rates, st.integers(400, 900), durations, st.floats(0.1, 5), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_random_clips_lie_inside_and_keep_to_coverage(rate, n, wanted, coverage, limit):
    assume(limit >= len(wanted))  # the config's check sees to it
    time_s = np.arange(n) / rate
    limits = {"coverage": coverage, "max_per_video": limit}
    clips = random_clips(time_s, wanted, limits, seed=1, video="a")
    assert len(clips) <= limit
    assert all(start >= 0 and length >= 2 and start + length <= n for start, length in clips)
    assert {length for _, length in clips} == {clip_length(d, 1 / rate) for d in wanted}
    for duration in wanted:
        alone = random_clips(time_s, [duration], limits, seed=1, video="a")
        assert len(set(alone)) == len(alone)
        assert 1 <= len(alone) <= min(limit, math.ceil(coverage * n / rate / duration + 1e-9))


def test_durations_of_as_many_frames_are_taken_once():
    times = {"slow": np.arange(100.0), "fast": np.arange(1000) / 10}
    design = planned(times, durations_s=[1, 1.5, 2, 3, 3.2])
    assert design.durations_s == (1, 3) and design.same_length_s == (1.5, 2, 3.2)
    assert design.too_long_s == ()


def test_number_of_clips_per_duration():
    time_s = np.arange(3000) / 30
    limits = {"coverage": 2, "max_per_video": 41}
    clips = random_clips(time_s, [1.0, 40.0], limits, seed=0, video="a")
    lengths = [length for _, length in clips]
    assert lengths.count(30) == 20  # 41 // 2, although 2 · 100 s / 1 s would be 200
    assert lengths.count(1200) == 5  # ⌈2 · 100 / 40⌉


@pytest.mark.parametrize("rate", [24000 / 1001, 25, 30000 / 1001, 30])
def test_the_published_preset_takes_ten_clips_of_each_duration(rate):
    """4,290 of 33 films of five minutes, whatever their rate."""
    preset = yaml.safe_load((PROJECT / "config/roseboom2019.yaml").read_text(encoding="utf-8"))
    times = {f"v{number:02d}": np.arange(round(300 * rate)) / rate for number in range(33)}
    clips = sampled(times, **preset["clips"])
    assert len(clips) == 4290
    found = Counter((clip.video, clip.readouts) for clip in clips)
    assert len(found) == 33 * 13 and set(found.values()) == {10}


@given(rates, st.integers(400, 900), durations, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_partition_does_not_overlap_and_uses_the_video_up(rate, n, wanted, seed):
    time_s = np.arange(n) / rate
    clips = partition_clips(time_s, wanted, seed=seed, video="a")
    lengths = {clip_length(d, 1 / rate) for d in wanted}
    end = 0
    for start, length in clips:
        assert start == end and length in lengths
        end = start + length
    assert end <= n and n - end < min(lengths)


def test_same_durations_from_every_video_at_most_half_the_shortest():
    times = {"long": np.arange(3000) / 30, "short": np.arange(250) / 25}
    design = planned(times, durations_s=[8, 1, 5, 2.5])
    assert design.durations_s == (1.0, 2.5, 5.0)
    assert (design.too_long_s, design.shortest) == ((8.0,), "short")
    for mode in ("random", "partition"):
        clips = sampled(times, mode=mode, durations_s=[1, 5, 8])
        for video, rate in (("long", 30), ("short", 25)):
            mine = {round(clip.n_frames / rate, 9) for clip in clips if clip.video == video}
            assert mine <= {1.0, 5.0}
            assert mode == "partition" or mine == {1.0, 5.0}


def test_short_videos_give_no_clips_rather_than_shorten_the_others():
    times = {"long": np.arange(3000) / 30, "tiny": np.arange(75) / 25, "mid": np.arange(600) / 30}
    assert planned(times, durations_s=[1, 8]).durations_s == (1.0,)
    design = planned(times, durations_s=[1, 8], min_video_s=3.001)
    assert design.durations_s == (1.0, 8.0) and design.videos == ("long", "mid")
    assert design.short_videos == {"tiny": pytest.approx(3.0)} and design.shortest == "mid"
    assert planned(times, durations_s=[1, 8], min_video_s=3).videos == ("long", "tiny", "mid")
    clips = sampled(times, durations_s=[1, 8], min_video_s=3.001)
    alone = sampled({video: times[video] for video in ("long", "mid")}, durations_s=[1, 8])
    assert clips == alone
    with pytest.raises(NoFitError, match=r"every video is shorter than clips\.min_video_s"):
        planned(times, min_video_s=101)


def test_what_a_design_records():
    """Counts and coverage of clips, worked out by hand."""
    times = {"long": np.arange(3000) / 30, "short": np.arange(300) / 30, "no": np.arange(90) / 30}
    asked = {"durations_s": [1, 5, 8, 5.001], "coverage": 2, "max_per_video": 30}
    asked |= {"min_video_s": 5}
    design = planned(times, **asked)
    footage = {video: Footage.of(time_s) for video, time_s in times.items()}
    cut = [(clip.video, clip.n_frames) for clip in sampled(times, **asked)]
    record = describe_design(design, footage, cut)
    assert record["n_videos"] == 2 and record["n_clips"] == len(cut) == 49
    # At most 30 // 2 of a duration: of 1 s 15 of the 200 that the long one should have, and 15
    # of the 20 of the short one; of 5 s 15 of 40, and 4. Each frame is 1/30 s.
    assert record["durations"] == [
        {
            "duration_s": 1.0,
            "n_clips": 30,
            "least_coverage": pytest.approx(15 / 100),
            "most_coverage": pytest.approx(15 / 10),
        },
        {
            "duration_s": 5.0,
            "n_clips": 19,
            "least_coverage": pytest.approx(75 / 100),
            "most_coverage": pytest.approx(20 / 10),
        },
    ]
    assert left_out(record) == [
        "videos shorter than clips.min_video_s, no (3 s)",
        "clips of 8 s, being more than half of the shortest video (short, 10 s)",
        "clips of 5.001 s, being no more frames than a shorter duration",
    ]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(rates, st.integers(2, 900)), min_size=1),
    durations,
    st.one_of(st.none(), st.floats(0.01, 40)),
)
@settings(max_examples=80, deadline=None)
def test_films_of_any_length_give_clips_or_a_reason(films, wanted, least):
    """Of two or three frames as well; what is cut is cut from every video that is long enough."""
    times = {video: np.arange(n) / rate for video, (rate, n) in films.items()}
    try:
        design = planned(times, durations_s=wanted, min_video_s=least, max_per_video=60)
    except NoFitError as error:
        long = [t for t in times.values() if not least or Footage.of(t).duration_s >= least]
        too_long = [2 * clip_length(min(wanted), Footage.of(t).interval_s) > len(t) for t in long]
        assert not long or any(too_long), error
        return
    clips = sampled(times, durations_s=wanted, min_video_s=least, max_per_video=60)
    expected = {
        (v, clip_length(d, 1 / films[v][0])) for v in design.videos for d in design.durations_s
    }
    assert {(clip.video, clip.n_frames) for clip in clips} == expected
    assert all(2 * clip.n_frames <= films[clip.video][1] for clip in clips)
    everything = {*design.durations_s, *design.too_long_s, *design.same_length_s}
    assert everything == set(wanted) and {*design.videos, *design.short_videos} == set(films)


def test_no_duration_fits():
    times = {"long": np.arange(3000) / 30, "tiny": np.arange(40) / 30}
    with pytest.raises(NoFitError, match=r"tiny lasts 1\.333 s.*clips\.durations_s.*1 s") as caught:
        planned(times, durations_s=[1, 2])
    assert str(caught.value) == f"{caught.value.reason}: {caught.value.remedy}"


def test_films_of_two_or_three_frames_are_named_with_what_helps():
    """No duration is short enough for them, nor for one that lasts longer than another."""
    times = {"a": np.arange(40) / 30, "slow": np.arange(3) / 2, "b": np.arange(90) / 30}
    with pytest.raises(NoFitError, match=r"slow lasts 1\.5 s \(3 frames\)") as caught:
        planned(times, durations_s=[1, 2])
    assert "durations_s" not in caught.value.remedy
    assert planned(times, durations_s=[0.5], min_video_s=1.6).videos == ("b",)
    assert planned({"a": np.arange(4) / 30}, durations_s=[0.01]).durations_s == (0.01,)


def test_of_films_as_short_one_is_named_whatever_their_order():
    for names in ("ab", "ba"):
        times = {name: np.arange(90) / 30 for name in names}
        assert planned(times, durations_s=[1, 2]).shortest == "a"
        with pytest.raises(NoFitError, match="a lasts 3 s"):
            planned(times, durations_s=[2])


def test_clips_of_one_video_do_not_depend_on_the_others():
    a, b = np.arange(900) / 30, np.arange(1200) / 30
    for mode in ("random", "partition"):
        chosen = {"mode": mode, "snapshots": 2}
        alone = sampled({"a": a}, 3, **chosen)
        both = sampled({"b": b, "a": a}, 3, **chosen)
        assert alone == [clip for clip in both if clip.video == "a"]
        assert alone != sampled({"a": a}, 4, **chosen)


@given(st.integers(2, 400), st.integers(0, 5))
def test_snapshots_come_from_the_middle(n_frames, snapshots):
    lengths = snapshot_lengths(n_frames, snapshots, np.random.default_rng(0))
    assert len(set(lengths)) == len(lengths) <= snapshots
    assert all(2 <= length < n_frames for length in lengths)
    assert all(n_frames / 4 <= length <= 3 * n_frames / 4 for length in lengths)
    assert n_frames < 40 or len(lengths) == snapshots


def made_videos(n=300, rate=30.0, names=("a", "b")):
    videos = {}
    for index, name in enumerate(names):
        jitter = np.random.default_rng(index).uniform(0, 0.2 / rate, n)
        pixels = made_changes(50 + index, n, 1)[:, 0]
        videos[name] = Video(np.arange(n) / rate + jitter, made_changes(index, n), pixels)
    return videos


def series_of(videos, layers=LAYERS, thresholds=THRESHOLDS):
    pixels = {name: video.pixels for name, video in videos.items()}
    control = pixel_thresholds(pixel_ranges(pixels, thresholds, pooled=False), thresholds)
    return assemble_series(videos, layers, None, thresholds, 0, control)


def run(clips, videos, *, layers=LAYERS, repeats=1, thresholds=THRESHOLDS):
    series = series_of(videos, layers, thresholds)
    return count_dynamic(clips, series, dynamic=thresholds["dynamic"], seed=0, repeats=repeats)


def counted_by_a_loop(clip, length, changes, time_s, name, repeat, dynamic):
    """One run of one layer from the start of the clip."""
    tmin, tmax = np.nanmin(changes), (np.nanmax(changes) + np.nanmin(changes)) / 2
    rng = derive_rng(0, "clip noise", clip.video, clip.start, clip.n_frames, name)
    normal = rng.standard_normal((repeat + 1, clip.n_frames - 1))[repeat]
    span = slice(clip.start, clip.start + length)
    steps, times, draws = changes[span][1:], time_s[span], normal[: length - 1]
    sd = (tmax - tmin) / dynamic["noise_divisor"]
    if dynamic["tau_frames"]:
        _, fired = by_frames(steps, draws * sd, tmax, tmin, dynamic["tau_frames"])
    else:
        noise = draws * sd * np.sqrt(30 * np.diff(times))
        limits = (tmax, tmin, dynamic["tau_s"], dynamic["bounded"])
        _, fired = by_seconds(steps, noise, times, *limits)
    return len(fired)


@pytest.mark.parametrize("special", [{}, {"tau_frames": 100}, {"bounded": True}])
def test_dynamic_counts_equal_a_plain_loop_started_afresh(special):
    videos = made_videos()
    dynamic = {**THRESHOLDS["dynamic"], **special}
    clips = [
        Clip("a", 0, (150, 40)),
        Clip("b", 20, (60,)),
        Clip("a", 240, (60, 30, 2)),
        Clip("b", 298, (2,)),
    ]
    counts = run(clips, videos, repeats=3, thresholds={**THRESHOLDS, "dynamic": dynamic})
    row = 0
    for clip in clips:
        video = videos[clip.video]
        for length in clip.readouts:
            for repeat in range(3):
                for index, layer in enumerate(LAYERS):
                    expected = counted_by_a_loop(
                        *(clip, length, video.changes[:, index], video.time_s),
                        *(layer, repeat, dynamic),
                    )
                    assert counts[row, repeat, index] == expected
            row += 1
    assert row == len(counts) and counts.sum() > 0


def test_static_counts_equal_a_plain_loop():
    videos = made_videos()
    series = series_of(videos)
    clips = [Clip("a", 0, (300, 7)), Clip("b", 250, (50,)), Clip("a", 13, (2,))]
    counts = count_static(clips, series)
    expected = []
    for clip in clips:
        changes = videos[clip.video].changes
        middle = (np.nanmax(changes, axis=0) + np.nanmin(changes, axis=0)) / 2
        for length in clip.readouts:
            inside = range(clip.start + 1, clip.start + length)
            expected.append(sum((changes[frame] > middle).astype(int) for frame in inside))
    np.testing.assert_array_equal(counts[:, 0, : len(LAYERS)], expected)


def test_counts_do_not_depend_on_batches_neighbours_layers_or_repeats(monkeypatch):
    videos = made_videos()
    clips = [Clip("a", 0, (150, 70)), Clip("a", 20, (60,)), Clip("b", 5, (200,))]
    together = run(clips, videos, repeats=3)
    monkeypatch.setattr("chronovision.duration.counting.BATCH_ELEMENTS", 1)
    np.testing.assert_array_equal(run(clips, videos, repeats=3), together)
    np.testing.assert_array_equal(run(clips[:1], videos), together[:2, :1])
    fewer = {
        name: Video(video.time_s, video.changes[:, :2], video.pixels)
        for name, video in videos.items()
    }
    without = run(clips, fewer, layers=LAYERS[:2], repeats=3)
    np.testing.assert_array_equal(without[..., :2], together[..., :2])
    np.testing.assert_array_equal(without[..., -1], together[..., -1])
    assert (together[:, 0] != together[:, 1]).any()


def test_snapshot_is_the_same_run_read_out_earlier():
    videos = made_videos()
    counts = run([Clip("a", 30, (200, *range(50, 151)))], videos)[:, 0]
    whole, early = counts[0], counts[1:]
    assert (np.diff(early, axis=0) >= 0).all() and (np.diff(early, axis=0) <= 1).all()
    assert (early[-1] <= whole).all() and (early[0] < whole).all()


def test_tables_hold_the_contract(tmp_path):
    made = made_set(tmp_path, 3, n=600)
    table_path, controls_path = made.build(snapshots=2, repeats=3)
    table, controls = read_table(table_path), read_table(controls_path)
    assert list(table.columns) == [
        *("clip", "video", "group", "repeat", "start_frame", "n_frames", "start_s", "duration_s"),
        *(f"{layer}_count" for layer in LAYERS),
    ]
    assert list(controls.columns) == [
        *("clip", "repeat"),
        *(f"permuted_{layer}_count" for layer in LAYERS),
        "pixel_count",
    ]
    pd.testing.assert_frame_equal(table[["clip", "repeat"]], controls[["clip", "repeat"]])
    assert not table[["clip", "repeat"]].duplicated().any()
    assert table["clip"].iloc[0] == "v00-0001" and "v00-0001s1" in set(table["clip"])
    assert table.groupby("clip")["repeat"].apply(list).map(lambda r: r == [0, 1, 2]).all()
    np.testing.assert_allclose(table["duration_s"], table["n_frames"] / 30)
    np.testing.assert_allclose(table["start_s"], table["start_frame"] / 30)
    assert read_provenance(table_path)["videos"]["v01"]["frame_interval_s"] == pytest.approx(1 / 30)
    before = table_path.read_bytes(), controls_path.read_bytes()
    made.build(snapshots=2, repeats=3)
    assert before == (table_path.read_bytes(), controls_path.read_bytes())


def test_adding_a_video_changes_no_other_row(tmp_path):
    first = read_table(made_set(tmp_path / "a", 2).build()[0])
    more = read_table(made_set(tmp_path / "b", 3).build()[0])
    kept = more[more["video"] != "v02"].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, kept)


def test_static_tables_have_one_repeat_and_permutation_keeps_the_whole(tmp_path):
    """The whole video holds as many changes above the threshold in any order of time."""
    made = MadeSet(tmp_path)
    for name, n in (("a", 200), ("b", 900)):
        made.add(name, np.sort(made_changes(1, n), axis=0)[::-1])
    table, controls = (
        read_table(path)
        for path in made.build("static", mode="partition", durations_s=[1 / 3], repeats=5)
    )
    assert set(table["repeat"]) == {0}
    assert not np.array_equal(table["pool1_count"], controls["permuted_pool1_count"])
    videos = {
        name: Video(
            *(read_table(made.changes[name])[column].to_numpy() for column in ("time_s", LAYERS)),
            read_table(made.pixels[name])["pixel_change"].to_numpy(),
        )
        for name in made.changes
    }
    series = series_of(videos)
    whole = count_static([Clip("a", 0, (200,)), Clip("b", 0, (900,))], series)[:, 0]
    np.testing.assert_array_equal(whole[:, :3], whole[:, 3:6])


def test_layers_are_permuted_together():
    videos = made_videos(names=("a",))
    series = series_of(videos)["a"]
    real, shuffled = series.changes[:, :3], series.changes[:, 3:6]
    assert not np.array_equal(real, shuffled)
    assert {tuple(row) for row in real} == {tuple(row) for row in shuffled}


def test_scope_set_pools_layers_and_pixels(tmp_path):
    """Twice the change everywhere: the same counts by a video's own range, more by the set's."""
    changes, pixels = made_changes(0, 610), made_changes(5, 610, 1)[:, 0]
    made = MadeSet(tmp_path).add("calm", changes, pixels).add("busy", 2 * changes, 2 * pixels)
    pool_ranges(made.changes, tmp_path / "ranges.tsv", thresholds=THRESHOLDS)
    pieces = {"mode": "partition", "durations_s": [2]}
    for ranges in (None, tmp_path / "ranges.tsv"):
        table, controls = (
            read_table(path) for path in made.build("static", ranges=ranges, **pieces)
        )
        for column in (table["pool2_count"], controls["pixel_count"]):
            sums = column.groupby(table["video"]).sum()
            if ranges is None:
                assert sums["busy"] == sums["calm"] > 0
            else:
                assert sums["busy"] > 3 * sums["calm"]


def test_fixed_thresholds_do_not_hold_for_pixels(tmp_path):
    dynamic = {**THRESHOLDS["dynamic"], "tmax": dict.fromkeys(LAYERS, 1e9), "noise_divisor": None}
    made = made_set(tmp_path, 1)
    table, controls = (
        read_table(path) for path in made.build(thresholds={**THRESHOLDS, "dynamic": dynamic})
    )
    assert table["pool1_count"].sum() == 0 and controls["pixel_count"].sum() > 0


def test_times_rounded_to_milliseconds_give_clips_of_the_right_length(tmp_path):
    time_s = np.round(np.arange(1200) * 1001 / 30000, 3)
    made = MadeSet(tmp_path).add("a", made_changes(0, 1200), time_s=time_s)
    table = read_table(made.build("static", durations_s=[1, 8])[0])
    assert sorted(set(table["n_frames"])) == [30, 240]
    assert (np.abs(table["duration_s"] - table["n_frames"] * 1001 / 30000) < 0.002).all()


def test_mixed_rates_still_give_a_table(tmp_path):
    made = MadeSet(tmp_path).add("a", made_changes(0, 600), rate=30)
    made.add("b", made_changes(1, 600), rate=25)
    table = read_table(made.build(durations_s=[2])[0])
    assert table.groupby("video")["n_frames"].first().to_dict() == {"a": 60, "b": 50}


def test_pixels_of_other_frames_are_refused(tmp_path):
    made = MadeSet(tmp_path).add("a", made_changes(0, 600))
    other = MadeSet(tmp_path / "other").add("a", made_changes(0, 500))
    made.pixels = other.pixels
    with pytest.raises(UserError, match="not of the same frames"):
        made.build()
