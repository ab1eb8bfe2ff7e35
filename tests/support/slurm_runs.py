"""Runs of the pipeline through profiles/slurm on the tests' cluster."""

import os
import subprocess
from pathlib import Path

import yaml

from support.cluster import Cluster
from support.paths import PROJECT
from support.pipeline import Run, command_line

#: What this cluster needs beside the lines that the profile asks its users to edit: it has no
#: database of jobs, and no GPU behind what jobs are given, so that they run with device cpu.
HERE = {
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 7,
    "slurm-keep-successful-logs": True,
    "latency-wait": 5,
}


def write_profile(folder: Path, **resources: dict) -> Path:
    """The project's SLURM profile for this cluster; `resources`: rule -> what is asked instead."""
    profile = yaml.safe_load((PROJECT / "profiles/slurm/config.yaml").read_text())
    profile |= HERE
    asked = profile["set-resources"]
    for rule in ("extract_features", "extract_piece"):
        asked[rule]["gpu"] = "0 if input.get('pieces') else 1"
    for rule, values in resources.items():
        asked.setdefault(rule, {}).update(values)
    path = folder / "slurm_profile"
    path.mkdir(exist_ok=True)
    (path / "config.yaml").write_text(yaml.safe_dump(profile))
    return path


def start(
    cluster: Cluster, folder: Path, project: Path, *words: str, profile: Path, **environment: str
) -> subprocess.Popen:
    """Start Snakemake in `folder`, as on a login node."""
    configs = [folder / "config.yaml"]
    process = subprocess.Popen(
        command_line(folder, *words, project=project, profile=profile, configs=configs),
        cwd=folder,
        env={**os.environ, **cluster.environment, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    cluster.runs.append(process)
    return process


def wait(process: subprocess.Popen) -> Run:
    """How it ended, after half an hour at most."""
    out, err = process.communicate(timeout=1800)
    return Run(process.returncode, out, err)


def run(*arguments, **options) -> Run:
    return wait(start(*arguments, **options))
