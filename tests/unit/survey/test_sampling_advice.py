"""Advice on steps against brute force, and what it says of rates that step unevenly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chronovision.config.fields import read_fraction
from chronovision.core.prose import written_step
from chronovision.duration.comparability import NoFitError, require_equal_frame_rates
from chronovision.survey.sampling_advice import describe_sampling, even_step
from chronovision.videos.selection import frames_per_row, step_frames

FRAMES = {"every": 1, "step_s": None, "fps": None}
RATES = ["12.5", "15", "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60"]


def intervals(*rates):
    return [float(1 / Fraction(rate)) for rate in rates]


def steps_s(step_s, shown):
    return [step_frames(step_s, interval) * interval for interval in shown]


def spread(step_s, shown):
    return max(steps_s(step_s, shown)) / min(steps_s(step_s, shown)) - 1


@pytest.mark.moderate
@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(RATES), min_size=1, max_size=4, unique=True),
    st.sampled_from([0.04, 0.05, 0.08, 0.125, 1 / 6, 0.2, 0.25, 0.5]),
)
def test_no_step_near_the_wanted_one_is_more_even(rates, wanted_s):
    shown = intervals(*rates)
    tried = np.linspace(0.5 * wanted_s, 1.6 * wanted_s, 800)
    near = [
        spread(step_s, shown)
        for step_s in tried
        if 0.8 * wanted_s <= min(steps_s(step_s, shown)) + 1e-9
        and max(steps_s(step_s, shown)) <= 1.2 * wanted_s + 1e-9
    ]
    found = even_step(shown, wanted_s)
    assume(near or not found)
    if not near:
        assert found is None
        return
    assert found.spread <= min(near) + 1e-6
    assert spread(found.step_s, shown) == pytest.approx(found.spread, abs=1e-5)


@pytest.mark.parametrize(
    ("rates", "wanted_s", "step_s", "apart"),
    [
        (["24", "25", "30000/1001"], 1 / 6, "1/6", 0.0427),
        (["24", "25", "30000/1001"], None, "1/6", 0.0427),
        (["24", "25"], None, "1/24", 0.0417),
        (["12.5", "25"], None, "2/25", 0),
        (["25", "30"], None, "1/5", 0),
        (["24000/1001", "30000/1001"], None, "1/6", 0),
        (["30"], 1 / 12, "1/10", 0),
        (["24", "25", "30"], 1 / 8, None, 0.11),
    ],
)
def test_steps_that_are_advised(rates, wanted_s, step_s, apart):
    found = even_step(intervals(*rates), wanted_s)
    assert found.spread == pytest.approx(apart, abs=0.002)
    assert found.is_even == (apart < 0.05)
    assert step_s is None or found.step_s == pytest.approx(read_fraction(step_s))


def test_where_no_step_is_near_or_even():
    assert even_step(intervals("2"), 0.1) is None
    assert even_step([0.7, 0.9]) is None


def test_thousands_of_rates_are_looked_at_in_moments():
    shown = 1 / np.random.default_rng(0).uniform(29.5, 30.5, 2000)
    assert even_step(shown, 0.1).is_even


# What is said


def facts(**rates):
    made = {}
    for name, rate in rates.items():
        rate = float(Fraction(rate))
        made[name] = {"frame_rate": rate, "vfr": False, "n_frames": 300, "duration_s": 300 / rate}
    return made


MIXED = facts(a="24", b="25", c="30000/1001")


def allows_fit(shown, frames) -> bool:
    """Whether the fit takes the rows that these videos will have."""
    rows = {}
    for name, info in shown.items():
        n = frames_per_row(info, frames)
        nominal, mean = n / info["frame_rate"], n * info["duration_s"] / info["n_frames"]
        rows[name] = {"frame_interval_s": nominal, "mean_interval_s": mean}
    try:
        require_equal_frame_rates(rows, frames)
    except NoFitError:
        return False
    return True


def said(shown, tau_frames=None, kinds=("static", "dynamic"), **frames):
    dynamic = {"tau_s": None if tau_frames else 3.33, "tau_frames": tau_frames}
    thresholds = {"kinds": kinds, "dynamic": dynamic}
    settings = {"frames": FRAMES | frames, "thresholds": thresholds}
    return "\n".join(describe_sampling(shown, settings, "make run VIDEOS=x"))


def test_of_equal_rates_nothing_is_said():
    assert said(facts(a="25", b="25.1")) == "" == said({})
    assert allows_fit(facts(a="25", b="25.1"), FRAMES)


@pytest.mark.parametrize(
    ("frames", "advised"),
    [({}, "1/6"), ({"every": 4}, "1/6"), ({"step_s": 0.125}, "1/6"), ({"step_s": 0.34}, None)],
)
def test_advice_works_when_it_is_followed(frames, advised):
    assert not allows_fit(MIXED, FRAMES | frames)
    text = said(MIXED, **frames)
    assert "WITHOUT the fit" in text and "make run VIDEOS=x STEP=" in text
    assert "FPS" not in text
    step = text.rsplit("STEP=", 1)[1]
    assert advised in (None, step)
    followed = {"step_s": float(read_fraction(step))}
    assert allows_fit(MIXED, FRAMES | followed)
    text = said(MIXED, **followed)
    assert "WARNING" not in text
    if advised:
        assert "every 4th frame of 2 videos, every 5th frame of 1; they last" in text
        assert "0.16 to 0.1668 s, 4.3 % apart" in text


def test_where_no_step_is_even():
    slow = facts(a="1.4", b="1.1")
    assert not allows_fit(slow, FRAMES)
    assert "No step up to 1 s is even" in said(slow) and "STEP=" not in said(slow)


def test_gaps_are_named_and_no_step_is_advised_for_them():
    shown = facts(a="25", b="25")
    shown["b"] |= {"duration_s": 14.0, "vfr": True, "median_interval_s": 0.04}
    assert not allows_fit(shown, FRAMES) and not allows_fit(shown, FRAMES | {"step_s": 0.2})
    assert "the frame rate of b varies or has gaps" in said(shown)
    assert "STEP" not in said(shown)


@pytest.mark.parametrize(
    ("rate", "fps", "advised"),
    [
        ("30", 12, "0.1"),
        ("25", 30, "0.04"),
        ("12.5", 25, "0.08"),
        ("24", 8, None),
        ("30000/1001", 30, None),
        ("60000/1001", 30, None),
        ("60", 30, None),
        ("50", 30, "0.04"),
        ("24", 24000 / 1001, None),
    ],
)
def test_rates_that_step_unevenly(rate, fps, advised):
    text = said(facts(a=rate), fps=fps)
    if advised is None:
        assert text == ""
        return
    assert "do not go evenly into" in text
    step = text.rsplit("STEP=", 1)[1]
    assert step == advised
    assert said(facts(a=rate), step_s=float(read_fraction(step))).count("WARNING") == 0


# A step that some films cannot take, and what becomes of a time constant in frames


def test_which_films_keep_the_published_rate_and_which_depart():
    """The preset's step of 1/30 s is kept at whole multiples of 30 frames/s, within 0.1 %."""
    shown = facts(a="30", b="30000/1001", c="60", d="60000/1001", e="120")
    assert "all keep 1/30 s within 0.1 %" in said(shown, step_s=1 / 30)
    shown |= facts(p="25", q="24", r="20", s="50", t="30.1")
    text = said(shown, step_s=1 / 30)
    assert (
        "1/30 s within 0.1 % is kept by a, b, c, d, e; not by p (0.04 s), q (0.04167 s), "
        "r (0.05 s), s (0.04 s), t (0.03322 s)" in text
    )
    shown = facts(a="30")
    shown["a"]["vfr"] = True
    assert "kept by none; not by a (0.03333 s, varies)" in said(shown, step_s=1 / 30)


@pytest.mark.parametrize(
    ("rate", "step_s", "real"),
    [
        ("25", 1 / 30, None),
        ("24", 1 / 30, "0.04167"),
        ("2", 1 / 30, "0.5"),
        ("10", 0.14, "0.1"),
        ("10", 0.15, "0.2"),
        ("10", 0.125, None),
    ],
)
def test_a_step_that_no_frames_come_near_is_warned_of(rate, step_s, real):
    text = said(facts(film=rate), step_s=step_s)
    assert ("WARNING" in text) == bool(real)
    if real:
        step = written_step(step_s)
        assert f"WARNING: steps are more than 20 % from {step} s in film ({real} s)" in text
        followed = text.rsplit("STEP=", 1)[1]
        assert f"none within 20 % of {step} s is even" in text
        text = said(facts(film=rate), step_s=float(read_fraction(followed)))
        assert "WARNING" not in text and "all keep" in text


def test_many_far_films_are_counted():
    text = said(facts(**{f"film{n}": "2" for n in range(8)}), step_s=1 / 30)
    assert text.count("film4 (0.5 s) and 3 more") == 2 and "film5" not in text


@pytest.mark.parametrize(
    ("rates", "frames", "tau"),
    [
        (["20"], {"step_s": 1 / 30}, "5 s"),
        (["24"], {"step_s": 1 / 30}, "4.17 s"),
        (["24", "25"], {"step_s": 1 / 30}, "4 to 4.17 s"),
        (["25", "30"], {"step_s": 1 / 30}, "3.33 to 4 s"),
        (["30"], {"every": 5}, "16.7 s"),
        (["25"], {"fps": 30}, "3.33 s"),
    ],
)
def test_a_time_constant_in_frames_is_said_in_seconds(rates, frames, tau):
    shown = facts(**{f"film{rate}": rate for rate in rates})
    assert f"tau_frames: 100 makes τ {tau} at these steps" in said(shown, 100, **frames)
    assert "τ" not in said(shown, **frames) + said(shown, 100, kinds=("static",), **frames)


def test_advice_says_what_becomes_of_the_time_constant():
    """An even step of 25 and 30 frames/s is six times the wanted one, and so is τ."""
    text = said(facts(a="25", b="30"), 100, step_s=1 / 30)
    assert (
        "For even steps, of about 0.2 s and 0.0 % apart (none within 20 % of 1/30 s is even; "
        "tau_frames: 100 makes τ 20 s there): make run VIDEOS=x STEP=0.2" in text
    )
    text = said(facts(a="25", b="30"), 100, step_s=0.2)
    assert "tau_frames: 100 makes τ 20 s at these steps" in text and "WARNING" not in text


def test_one_video_is_one():
    text = said(facts(a="25"), step_s=0.04)
    assert "every frame of 1 video; they last 0.04 s\n" in text
    text = said(facts(a="25", b="25"), step_s=0.04)
    assert "every frame of 2 videos; they last" in text
    assert "those of 1 video (25)" in said(facts(a="25"), fps=12)
