"""What is said of a machine's speed."""

import pytest

from chronovision.survey import cpu_speed as speed


@pytest.mark.moderate
def test_speeds_are_measured():
    found = speed.measure_speeds("cpu")
    assert 0.1 < found.float32 < 1e6
    assert (found.bfloat16 is not None) == speed.native_bfloat16()


def test_several_networks_run_at_once_on_a_cpu_alone(monkeypatch):
    monkeypatch.setattr(speed.os, "cpu_count", lambda: 32)
    monkeypatch.setattr(speed, "measure_gflops", lambda name, threads: float(threads))
    assert speed.measure_speeds("cpu").float32 == 32
    assert speed.measure_speeds("auto").float32 == 8


@pytest.mark.parametrize(
    ("precision", "bfloat16", "said"),
    [
        ("float32", 190.0, "1.9 times as fast"),
        ("float32", 110.0, None),
        ("float32", None, None),
        ("bfloat16", 190.0, None),
        ("bfloat16", None, "emulated"),
    ],
)
def test_the_faster_precision_is_named(precision, bfloat16, said):
    lines = speed.describe_precision(precision, speed.Speeds(100.0, bfloat16))
    assert (said is None) == (lines == [])
    assert said is None or said in lines[0]
