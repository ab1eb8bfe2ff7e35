"""What cannot be fitted, or used together, is said."""

import numpy as np
import pytest

from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.duration.comparability import (
    NoFitError,
    obstacles,
    require_equal_frame_rates,
    require_same_set,
)
from chronovision.duration.model_file import load_model
from chronovision.duration.predictions import COLUMNS as PREDICTION_COLUMNS
from chronovision.duration.scores import COLUMNS
from support.fits import assert_empty, fit
from support.sets import LAYERS, made_changes, made_set

HEAD = ["clip", "video", "group", "repeat", "start_frame", "n_frames", "start_s", "duration_s"]
COUNTS = [f"{layer}_count" for layer in LAYERS]


def mixed_rates(made):
    made.add("pal", made_changes(9, 300), rate=25)


def a_gap(made):
    time_s = np.arange(300) / 30
    made.add("gap", made_changes(9, 300), time_s=time_s + (time_s > 5))


def one_file_twice(made):
    made.add("again", made_changes(0, 300), file="v00")


def tiny(made):
    made.add("tiny", made_changes(9, 2))


def short(made):
    made.add("short", made_changes(9, 75))


OBSTACLES = {
    "two groups": (lambda made: None, {}, r"form 2 groups, and fewer than 3 .*: add videos"),
    "mixed rates": (mixed_rates, {}, r"25 frames/s: pal; 30 frames/s: v00, v01.*frames\.step_s"),
    "a gap": (a_gap, {}, r"rate of video gap varies or has gaps .*10% longer.*frames\.fps"),
    "a file twice": (one_file_twice, {}, "again and v00 are the same file.*one group"),
    "two frames": (tiny, {}, r"tiny lasts 0\.0666.*clips\.min_video_s"),
    "left out": (tiny, {"min_video_s": 1}, "form 2 groups"),
    "one duration": (short, {}, r"all clips have the same duration \(1 s\).*clips\.min_video_s"),
    "all left out": (tiny, {"min_video_s": 99}, r"every video is shorter than .*: lower it"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_cannot_be_fitted_is_said_in_tables_without_rows(tmp_path, obstacle):
    """For whatever reason: the tables are there, and so is a file in place of the model."""
    add, clips, said = OBSTACLES[obstacle]
    made = made_set(tmp_path, 2, n=300)
    add(made)
    for threshold in ("static", "dynamic"):
        tables = made.build(threshold, durations_s=[1, 2, 4], **clips)
        predictions, scores, model = fit(tables, tmp_path)
        assert_empty([predictions, scores], [PREDICTION_COLUMNS, COLUMNS], said)
        rows = [len(read_table(table)) for table in tables]
        assert rows[0] == rows[1] and list(read_table(tables[0])) == HEAD + COUNTS
        permuted = [f"permuted_{name}" for name in COUNTS]
        assert list(read_table(tables[1])) == ["clip", "repeat", *permuted, "pixel_count"]
        about = read_provenance(tables[0])
        assert ("why_empty" in about) == (rows[0] == 0) == ("design" not in about)
        with pytest.raises(NoFitError, match="holds no model, as none could be fitted"):
            load_model(model)


def test_a_video_that_gives_no_clips_stands_against_no_fit(tmp_path):
    """Neither its length does nor its rate, nor that its file is there twice."""
    made = made_set(tmp_path, 3, n=300)
    made.add("short", made_changes(9, 150), rate=25, file="v00")
    tables = made.build(durations_s=[1, 2, 4], min_video_s=8)
    predictions, scores, model = fit(tables, tmp_path)
    assert set(read_table(predictions)["video"]) == {"v00", "v01", "v02"}
    assert len(read_table(scores)) and max(load_model(model)["set"]["frame_intervals_s"]) < 0.034
    assert set(read_provenance(tables[0])["videos"]) == {"v00", "v01", "v02", "short"}


@pytest.mark.parametrize(
    ("step_s", "intervals_s", "refused"),
    [
        (None, (1 / 30, 1.001 / 30), False),
        (None, (1 / 24, 1 / 25), True),
        (1 / 6, (4 / 24, 4 / 25), False),
        (1 / 6, (4 / 24, 4 / 25, 5 * 1001 / 30000), False),
        (1 / 8, (3 / 24, 3 / 25, 4 / 30), True),
    ],
)
def test_steps_may_differ_more_where_they_are_as_even_as_can_be(step_s, intervals_s, refused):
    videos = {f"v{number}": intervals(one) for number, one in enumerate(intervals_s)}
    if refused:
        with pytest.raises(NoFitError, match=rf"more than {5 if step_s else 1} %.*frames\.step_s"):
            require_equal_frame_rates(videos, {"step_s": step_s})
    else:
        require_equal_frame_rates(videos, {"step_s": step_s})


def intervals(nominal_s, mean_s=None):
    return {"frame_interval_s": nominal_s, "mean_interval_s": mean_s or nominal_s}


@pytest.mark.parametrize("step_s", [None, 0.16])
@pytest.mark.parametrize(("mean_s", "said"), [(0.048, "20% longer"), (0.032, "20% shorter")])
def test_a_variable_rate_is_refused_at_the_fit(step_s, mean_s, said):
    said = rf"rate of video b varies or has gaps \(on average its frames last {said}.*frames\.fps"
    with pytest.raises(NoFitError, match=said):
        require_equal_frame_rates(
            {"a": intervals(0.04), "b": intervals(0.04, mean_s)}, {"step_s": step_s}
        )


def test_rates_are_told_as_the_frames_were_kept():
    """Rows that are several source frames apart have no frame rate."""
    videos = {"a": intervals(1 / 6), "b": intervals(0.15), "c": intervals(1 / 6)}
    steps = r"steps from row to row differ .*\(last 0\.15 s: b; last 0\.1667 s: a, c\)"
    for frames in ({"step_s": 0.16}, {"every": 4, "step_s": None}):
        with pytest.raises(NoFitError, match=steps) as caught:
            require_equal_frame_rates(videos, frames)
        assert "frames/s" not in str(caught.value)
        assert "names one, if there is one" in caught.value.remedy
    with pytest.raises(NoFitError, match=r"frame rates .*\(6 frames/s: a, c; 6\.667 frames/s: b"):
        require_equal_frame_rates(videos, {"every": 1, "step_s": None})


@pytest.mark.parametrize(
    ("theirs", "ours", "refused"),
    [
        ((None, 0.04, 0.04), (None, 0.0403, 0.0403), False),
        ((None, 0.04, 0.04), (None, 0.0417, 0.0417), True),
        ((1 / 6, 0.16, 0.16), (1 / 6, 1 / 6, 1 / 6), False),
        ((1 / 6, 0.16, 0.16), (0.17, 1 / 6, 1 / 6), False),
        ((1 / 6, 0.16, 0.16), (None, 1 / 6, 1 / 6), True),
        ((1 / 6, 0.16, 1 / 6), (1 / 6, 1 / 6, 0.175), True),
    ],
)
def test_rates_of_the_set_that_a_model_is_used_on(theirs, ours, refused):
    """Both sets together must be as even as a fit to them would have to be."""

    def described(step_s, shortest, longest):
        steps = {"frames.step_s": step_s, "frame_intervals_s": [shortest, longest]}
        return {"thresholds.scope": "video", **steps}

    if refused:
        with pytest.raises(
            NoFitError, match=r"its rate of analysed frames is .* and here it is .* \(frames/s\)"
        ):
            require_same_set("model.skops", described(*theirs), described(*ours))
    else:
        require_same_set("model.skops", described(*theirs), described(*ours))


def test_all_that_stands_against_a_fit_is_found():
    files = {"a": "1", "b": "2", "c": "1", "d": "1"}
    apart = {name: name for name in files}
    together = {**apart, "c": "a", "d": "a"}
    assert [error.remedy for error in obstacles(together, files, None)] == ["add videos"]
    found = [error.reason for error in obstacles(apart, files, 4.0)]
    assert len(found) == 2 and "all clips have the same duration (4 s)" in found[0]
    assert "videos a, c and d are the same file in different groups" in found[1]
    assert obstacles({**apart, "c": "a"}, {**files, "d": "3"}, None) == []


def test_the_tables_say_every_obstacle_and_what_helps_against_each(tmp_path):
    made = made_set(tmp_path, 1, n=300)
    made.add("again", made_changes(0, 300), file="v00", rate=25)
    outputs = fit(made.build(durations_s=[4]), tmp_path)
    said = r"(?s)25 frames/s.* form 2 groups.*same duration \(4 s\).*again and v00 are the same.*"
    remedies = r"set a frames\.step_s.*; and add videos; and put more.*; and give them one group"
    assert_empty(outputs[:2], [PREDICTION_COLUMNS, COLUMNS], said + remedies)


@pytest.mark.parametrize(("snapshots", "refused"), [(3, False), (0, True)])
def test_snapshots_are_durations_of_their_own(tmp_path, snapshots, refused):
    """As they are told by the config one would do; rates that differ a little make no second."""
    made = made_set(tmp_path, 3, n=300)
    made.add("slower", made_changes(9, 300), rate=29.8)
    tables = made.build(durations_s=[4], snapshots=snapshots)
    assert read_table(tables[0])["n_frames"].nunique() > 1
    outputs = fit(tables, tmp_path)
    if refused:
        said = r"same duration \(4 s\)"
        assert_empty(outputs[:2], [PREDICTION_COLUMNS, COLUMNS], said)
    else:
        assert len(read_table(outputs[0]))


@pytest.mark.parametrize(
    ("scope", "dynamic", "refused"),
    [
        ("video", {"tmax": None, "tmin": "min"}, False),
        ("set", {"tmax": None, "tmin": "min"}, True),
        ("set", {"tmax": 1.0, "tmin": "min"}, True),
        ("set", {"tmax": 1.0, "tmin": 0.1}, False),
    ],
)
def test_thresholds_of_another_set_cannot_be_used_here(scope, dynamic, refused):
    facts = {"thresholds.scope": scope, "thresholds.dynamic": dynamic}
    facts |= {"frames.step_s": None, "frame_intervals_s": [0.04, 0.04]}
    if refused:
        with pytest.raises(NoFitError, match="own set's range of change"):
            require_same_set("model.skops", facts, facts)
    else:
        require_same_set("model.skops", facts, facts)
