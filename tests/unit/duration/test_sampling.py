"""Which clips are cut from which film."""

import math
from collections import Counter

import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronovision.duration.clip_design import (
    Footage,
    clip_length,
    describe_design,
    left_out,
    plan_clips,
)
from chronovision.duration.comparability import NoFitError
from chronovision.duration.sampling import (
    partition_clips,
    random_clips,
    sample_clips,
    snapshot_lengths,
)
from support.paths import PROJECT
from support.sets import CLIPS


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
    found = Counter((clip.video, clip.lengths) for clip in clips)
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
