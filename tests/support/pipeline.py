"""Runs of Snakemake on tiny videos, and what can be asked of them."""

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from support.paths import PROJECT

#: An untrained AlexNet on small pictures: a few seconds for a whole pipeline's arithmetic.
TINY = {
    "videos": "videos.tsv",
    "frames": {"size": 64},
    "network": {
        "model": "alexnet",
        "weights": "untrained",
        "layers": ["pool1", "pool2", "pool5"],
        "device": "cpu",
    },
    "changes": {"metrics": ["correlation"]},
    "clips": {"durations_s": [0.5, 0.75, 1, 1.25]},
}


@dataclass(frozen=True)
class Run:
    """How a run of Snakemake ended. Its messages come on stderr, a dry run's on stdout."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def jobs(self) -> dict[str, int]:
        """Rule -> number of its jobs, from the first table of jobs; empty if there are none."""
        found = re.search(r"^Job stats:\njob +count\n-+ +-+\n((?:\w+ +\d+\n)+)", self.text, re.M)
        rows = [line.split() for line in found[1].splitlines()] if found else []
        return {rule: int(count) for rule, count in rows if rule != "total"}

    @property
    def rules(self) -> set[str]:
        """Rules with jobs to run, but for the one that only gathers targets."""
        return set(self.jobs) - {"all"}

    @property
    def messages(self) -> list[str]:
        """The messages of the jobs, such as `a: decoding frames`."""
        return re.findall(r"^Job \d+: (.*)", self.text, re.M)

    def succeeded(self) -> "Run":
        assert self.code == 0, self.text
        return self


def merged(base: dict, overlay: dict) -> dict:
    """`base` with the parts of `overlay` put in, as Snakemake merges configs."""
    result = copy.deepcopy(base)
    for key, value in overlay.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else copy.deepcopy(value)
    return result


def write_config(folder: Path, overlay: dict, name: str = "config.yaml") -> Path:
    """TINY with `overlay` put in, as a file in `folder`."""
    path = folder / name
    path.write_text(yaml.safe_dump(merged(TINY, overlay), allow_unicode=True), encoding="utf-8")
    return path


def write_videos(
    folder: Path, videos: dict[str, Path], name: str = "videos.tsv", **columns
) -> Path:
    """A table of videos: id -> path, and columns of further cells by id."""
    rows = [["video", "path", *columns]]
    for video, path in videos.items():
        rows.append(
            [video, str(path), *(str(cells.get(video, "n/a")) for cells in columns.values())]
        )
    path = folder / name
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def command_line(
    folder: Path,
    *words: str,
    project: Path = PROJECT,
    profile: Path | None = None,
    configs: Sequence[Path] = (),
) -> list[str]:
    """Snakemake in `folder`, by default with the project's profile for one machine.

    `words` are targets and options, targets first.
    """
    command = [sys.executable, "-m", "snakemake", *words, "-s", project / "Snakefile"]
    command += ["--directory", folder]
    command += ["--workflow-profile", profile or project / "profiles/default"]
    command += ["--configfile", *configs] if configs else []
    return list(map(str, command))


def snakemake(
    folder: Path,
    config: Path | None,
    *words: str,
    project: Path = PROJECT,
    preset: str | None = None,
    cores: int = 2,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Run:
    """Run Snakemake in `folder`; `words` are targets and options, targets first."""
    configs = [project / f"config/{preset}.yaml"] if preset else []
    configs += [config] if config else []
    words = (*words, "--cores", str(cores))
    done = subprocess.run(
        command_line(folder, *words, project=project, configs=configs),
        cwd=cwd or folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        capture_output=True,
        encoding="utf-8",
    )
    return Run(done.returncode, done.stdout, done.stderr)


def wait_until(
    happened: Callable[[], object], seconds: float = 300, about: Callable[[], object] = str
) -> None:
    """Wait for something that must happen; `about()` is told if it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {about()}"
        time.sleep(0.1)


def plan(folder: Path, config: Path | None, *words: str, **options) -> Run:
    """What Snakemake would do."""
    return snakemake(folder, config, *words, "--dry-run", **options)


def copy_run(source: Path, target: Path) -> Path:
    """A copy of a folder that keeps times and, of a run, Snakemake's records."""
    shutil.copytree(source, target, symlinks=True)
    return target


def copy_project(target: Path) -> None:
    """Copy what the workflow needs of the project into the folder `target`."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "scripts", "config", "profiles", "envs"):
        shutil.copytree(PROJECT / name, target / name, ignore=ignored)
    shutil.copy2(PROJECT / "Snakefile", target)


def weights_in(results: Path) -> str:
    """Name, without its ending, of the one file of weights in a results folder."""
    (path,) = (results / "weights").glob("*.pth")
    return path.stem


def files(folder: Path) -> set[str]:
    """Relative paths of all files in `folder`."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def assert_one_line(run, log, said):
    """The run failed, and its one `error:` line is in the job's log and on stderr."""
    assert run.code != 0
    errors = [line for line in log.read_text().splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and re.search(said, errors[0]), errors
    assert errors[0] in run.err
    assert "Traceback" not in run.err + log.read_text()


def assert_nothing_made(folder, *names):
    left = files(folder)
    assert not [name for name in left if name.endswith(".part")]
    assert not [name for name in names if name in left]
