"""The config's check: defaults, hints, contradictions."""

import copy

import pytest
import yaml

from chronovision.config.check import check_config
from chronovision.config.schema import config_schema, keys_of
from chronovision.duration.estimators import ESTIMATORS
from chronovision.errors import UserError
from support.paths import PROJECT

DEFAULTS = yaml.safe_load((PROJECT / "config/config.yaml").read_text())


def merged(overlay, base=DEFAULTS):
    result = copy.deepcopy(base)
    for key, value in overlay.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(value, result[key]) if nested else value
    return result


def test_what_is_absent_becomes_what_config_yaml_says():
    config = {}
    check_config(config)
    assert config == DEFAULTS


@pytest.mark.parametrize("name", ["demo", "notebook", "roseboom2019"])
def test_presets_are_valid(name):
    overlay = yaml.safe_load((PROJECT / f"config/{name}.yaml").read_text())
    check_config(merged(overlay))


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ({"sed": 1}, "unknown key sed: did you mean seed"),
        ({"network": {"layer": ["pool1"]}}, "unknown key network.layer: did you mean layers"),
        (
            {"thresholds": {"dynamic": {"tau": 3}}},
            "unknown key thresholds.dynamic.tau: did you mean",
        ),
        (
            {"frames": {"geometry": "corp"}},
            "frames.geometry: 'corp' is not possible: did you mean crop",
        ),
        ({"frames": {"size": "224"}}, "frames.size: '224' is not of type 'integer'"),
        ({"frames": {"size": 4}}, "frames.size: 4 is less than the minimum"),
        ({"frames": {"fps": 0}}, "frames.fps: 0 is less than the minimum of 0.002"),
        ({"frames": {"fps": float("nan")}}, "frames.fps is nan; a finite number is needed"),
        ({"frames": {"fps": 5, "every": 2}}, "frames.every and frames.fps are both set"),
        ({"frames": {"fps": 5, "step_s": 0.2}}, "frames.step_s and frames.fps are both set"),
        ({"frames": {"every": 3, "step_s": "1/6"}}, "step_s: null or every: 1"),
        ({"frames": {"step_s": 0}}, "frames.step_s: 0 is less than the minimum of 0.001"),
        ({"frames": {"step_s": "0/3"}}, "frames.step_s: 0.0 is less than the minimum of 0.001"),
        ({"frames": {"step_s": "9999/3"}}, "frames.step_s: 3333.0 is greater than the maximum"),
        ({"frames": {"step_s": "1/0"}}, "frames.step_s: '1/0' does not match what is expected (s"),
        ({"frames": {"step_s": "a sixth"}}, "a number or a fraction such as 1/6, or null"),
        ({"frames": {"step_s": "1/6\n"}}, "frames.step_s: '1/6\\n' does not match what is"),
        ({"frames": None}, "frames: None is not of type 'object' (a section with the keys size, "),
        ({"network": {"layers": []}}, "network.layers: [] should be non-empty"),
        (
            {"network": {"layers": ["pool1", "pool1"]}},
            "network.layers: ['pool1', 'pool1'] has non-unique",
        ),
        ({"network": {"batch_size": "big"}}, "network.batch_size: 'big' does not match"),
        (
            {"network": {"keep_maps": ["pool6"]}},
            "no layer pool6 in network.layers: did you mean pool",
        ),
        ({"changes": {"metrics": ["pearson"]}}, "changes.metrics.0: 'pearson' is not possible"),
        ({"thresholds": {"percentiles": [99, 1]}}, "99 is not below 1"),
        (
            {"thresholds": {"dynamic": {"tau_frames": 100}}},
            "set one of tau_s (seconds) and tau_frames",
        ),
        ({"thresholds": {"dynamic": {"tau_s": None}}}, "set one of tau_s (seconds) and tau_frames"),
        (
            {"thresholds": {"dynamic": {"tmax": {"pol1": 3}}}},
            "no layer pol1 in network.layers: did you",
        ),
        (
            {"thresholds": {"dynamic": {"tmin": "max"}}},
            "thresholds.dynamic.tmin: 'max' does not match",
        ),
        (
            {"segments": {"min_layers": 6}},
            "segments.min_layers is 6, but network.layers has only 5",
        ),
        ({"clips": {"durations_s": [1, -2]}}, "clips.durations_s.1: -2 is less than the minimum"),
        ({"duration": {"estimators": ["svm"]}}, "duration.estimators.0: 'svm' is not possible"),
        ({"pathvars": {"results": "a{b}"}}, "pathvars.results: 'a{b}' does not match"),
        ({"seed": True}, "seed: True is not of type 'integer'"),
        ({"frames": {"size": 224.0}}, "frames.size: 224.0 is not of type 'integer'"),
        ({"clips": {"durations_s": [1, float("inf")]}}, "clips.durations_s.1 is inf; a finite"),
        ({"clips": {"max_per_video": 5}}, "clips.max_per_video is 5, less than one for each of"),
        ({"thresholds": {"dynamic": {"tmin": 0.05}}}, "a fixed tmax or tmin suits one metric"),
        ({"network": {"weights": "{x}.pth"}}, "network.weights: '{x}.pth' holds braces"),
        (
            {"duration": {"apply": "<b>.skops"}},
            "duration.apply: '<b>.skops' holds braces, a <name>",
        ),
    ],
)
def test_mistakes_are_named_in_one_line(overlay, said):
    with pytest.raises(UserError) as caught:
        check_config(merged(overlay))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("written", "step_s"), [("1/6", 1 / 6), (0.25, 0.25), ("3/25", 0.12)])
def test_a_step_may_be_a_fraction(written, step_s):
    config = merged({"frames": {"step_s": written}})
    for _ in range(2):  # Jobs check the config again that the plan has checked.
        check_config(config)
        assert config["frames"]["step_s"] == step_s


def test_home_folders_are_written_out_in_all_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    paths = {"videos": "~/v.tsv", "pathvars": {"results": "~/out"}, "network": {"weights": "~/w"}}
    config = merged(paths | {"duration": {"apply": "~/model.skops"}})
    check_config(config)
    assert (config["videos"], config["pathvars"]["results"]) == ("/home/me/v.tsv", "/home/me/out")
    assert config["network"]["weights"] == "/home/me/w"
    assert config["duration"]["apply"] == "/home/me/model.skops"
    with pytest.raises(UserError, match="results: '~nobody_here/x' is in no user's home folder"):
        check_config(merged({"pathvars": {"results": "~nobody_here/x"}}))
    monkeypatch.setenv("HOME", "/home/{me}")
    with pytest.raises(UserError, match=r"pathvars\.results: '/home/{me}/x' holds braces"):
        check_config(merged({"pathvars": {"results": "~/x"}}))


def test_numbers_stay_as_they_were_written():
    """Records hold them, and a job whose record differs, if only by 50 for 50.0, runs again."""
    written = {
        "thresholds": {"percentiles": [1.0, 99], "dynamic": {"tmin": {"pool5": 1, "pool1": 2.0}}},
        "clips": {"durations_s": [2, 1.0], "coverage": 3},
        "changes": {"metrics": ["cosine"]},
    }
    config = merged(written)
    check_config(config)
    assert repr(config) == repr(merged(written))


def test_estimators_of_the_config_are_those_of_the_registry():
    estimators = dict(keys_of(config_schema()))["duration.estimators"]["items"]["enum"]
    assert estimators == list(ESTIMATORS)
