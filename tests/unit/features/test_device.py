"""Which device a job takes."""

import pytest
import torch

from chronovision.errors import UserError
from chronovision.features.engines import choose_device

GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS")


@pytest.mark.parametrize(
    ("asked", "present", "variables", "expected"),
    [
        ("cpu", True, {"CUDA_VISIBLE_DEVICES": "0"}, "cpu"),
        ("cuda", True, {}, "cuda"),
        ("auto", True, {}, "cuda"),
        ("auto", False, {}, "cpu"),
        ("auto", False, {"CUDA_VISIBLE_DEVICES": ""}, "cpu"),
        ("auto", False, {"CUDA_VISIBLE_DEVICES": "-1"}, "cpu"),
        ("auto", False, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, "cpu"),
        ("auto", False, {"CUDA_VISIBLE_DEVICES": "0"}, None),
        ("auto", False, {"SLURM_STEP_GPUS": "3"}, None),
        ("auto", False, {"SLURM_JOB_GPUS": "0,1"}, None),
        ("cuda", False, {}, None),
    ],
)
def test_device(monkeypatch, asked, present, variables, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    for name in GPU_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if expected is None:
        with pytest.raises(UserError, match="network.device"):
            choose_device(asked)
    else:
        assert choose_device(asked) == expected
