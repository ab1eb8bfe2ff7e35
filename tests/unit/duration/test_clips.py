"""Counts in clips, and the tables that hold them."""

import numpy as np
import pandas as pd
import pytest

from chronovision.core.provenance import read_provenance
from chronovision.core.seeds import derive_rng
from chronovision.core.tables import read_table
from chronovision.duration.clips import Video, assemble_series
from chronovision.duration.counting import Clip, count_dynamic, count_static
from chronovision.duration.pixel_control import pixel_ranges, pixel_thresholds
from chronovision.errors import UserError
from chronovision.salience.thresholds import pool_ranges
from support.published_rule import by_frames, by_seconds
from support.sets import LAYERS, THRESHOLDS, MadeSet, made_changes, made_set


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
        for length in clip.lengths:
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
        for length in clip.lengths:
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
