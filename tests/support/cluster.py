"""A real SLURM on this machine's loopback, for as long as the tests run.

munged, slurmctld and two slurmd; configuration, keys, spools and logs lie in one folder. Needs
root, since slurmd starts jobs in their users' names.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from support.pipeline import wait_until

TEMPLATE = Path(__file__).parent / "slurm.conf.in"
NODES = ("cpu1", "gpu1")
#: GPUs must be character devices, or SLURM shows jobs none; no job opens these.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
#: Where Debian has the daemons.
SBIN = "/usr/sbin:/sbin"


class Cluster:
    """Starts with `start`, ends with `stop`; `environment` is that of a user's shell."""

    def __init__(self) -> None:
        # munge refuses sockets in folders into which others cannot look.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="slurm.", dir="/tmp"))
        folder.chmod(0o755)
        self.daemons: dict[str, subprocess.Popen] = {}
        #: What the tests have started on the login node.
        self.runs: list[subprocess.Popen] = []
        bin_folder = folder / "bin"
        path = f"{bin_folder}:{os.environ['PATH']}:{SBIN}"
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}

    def start(self) -> None:
        """Configure and start all daemons, and wait until both nodes take jobs."""
        self._write_config()
        self._start_munge()
        self._start("slurmctld", "slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        self.wait_for_nodes()

    def stop(self) -> None:
        """Cancel what still runs, stop the daemons and leave nothing behind."""
        for run in self.runs:
            if run.poll() is None:
                run.kill()
                run.wait()
        self.command("scancel", "--user", str(os.getuid()), check=False)
        deadline = time.monotonic() + 20
        while self.command("squeue", "-h", check=False).strip() and time.monotonic() < deadline:
            time.sleep(0.2)
        for node in NODES:
            _kill(self._steps_of(node))
        for name in (*NODES, "slurmctld", "munged"):
            if daemon := self.daemons.pop(name, None):
                daemon.terminate()
                try:
                    daemon.wait(10)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *words: str, check: bool = True) -> str:
        """What one of SLURM's commands says."""
        done = subprocess.run(
            words, env={**os.environ, **self.environment}, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def start_node(self, node: str) -> None:
        """Start a node's daemon, after it was killed as well."""
        self._start(node, "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """`kill -9` of a node's daemon and of all that runs under it, as if its power failed."""
        daemon = self.daemons.pop(node)
        _kill({daemon.pid} | _descendants(daemon.pid) | self._steps_of(node))
        daemon.wait()

    def _steps_of(self, node: str) -> set[int]:
        """slurmstepd processes of a node, no children of its daemon, and all that they started."""
        log = str(self.folder / f"{node}.log")
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if "slurmstepd" not in (process / "cmdline").read_text():
                    continue
                opened = {os.readlink(link) for link in (process / "fd").iterdir()}
            except OSError:  # it has ended meanwhile
                continue
            if log in opened:
                found.add(int(process.name))
        return found | {pid for step in found for pid in _descendants(step)}

    def wait_for_nodes(self) -> None:
        """Wait until both nodes are up."""

        def said() -> str:
            return self.command("sinfo", "-h", "-N", "-o", "%N %T", check=False)

        def up() -> bool:
            words = said().split()
            return sorted(words[::2]) == sorted(NODES) and set(words[1::2]) <= {"idle", "mixed"}

        wait_until(up, 60, lambda: said() + self._logs())

    def jobs(self) -> list[dict]:
        """SLURM's record of each job, by field, with its rule, GPUs and times."""
        records = []
        for line in self.command("scontrol", "-o", "show", "job", check=False).splitlines():
            fields = dict(re.findall(r"(\w+(?::\w+)?)=(\S*)", line))
            if "Comment" not in fields:
                continue
            # What is not Snakemake's is a test's own job.
            rule = re.fullmatch(r"rule_(\w+?)(?:_wildcards_(.*))?", fields["Comment"])
            gpus = re.search(r"gres:gpu:(\d+)", fields.get("TresPerJob", ""))
            fields["rule"], fields["wildcards"] = rule.groups("") if rule else ("", "")
            fields["gpus"] = int(gpus[1]) if gpus else 0
            fields["start"], fields["end"] = (
                _time(fields[f"{one}Time"]) for one in ("Start", "End")
            )
            records.append(fields)
        return records

    def wait_for_job(self, rule: str, state: str = "RUNNING") -> None:
        """Wait for a job of the rule in this state."""

        def found() -> list[dict]:
            return [job for job in self.jobs() if (job["rule"], job["JobState"]) == (rule, state)]

        wait_until(found, about=self.jobs)

    def _write_config(self) -> None:
        for name in ("munge", "state", "bin", *(f"spool.{node}" for node in NODES)):
            (self.folder / name).mkdir()
        said = subprocess.run(
            ["slurmd", "-C"], env={**os.environ, "PATH": self.environment["PATH"]},
            capture_output=True, text=True,
        ).stdout  # fmt: skip
        about = {
            "folder": self.folder,
            "host": socket.gethostname().split(".")[0],
            "ports": _free_ports(3),
            "memory": re.search(r"RealMemory=(\d+)", said)[1],
        }
        config = TEMPLATE.read_text().format(**about)
        (self.folder / "slurm.conf").write_text(config)
        gres = f"NodeName=gpu1 Name=gpu File={','.join(DEVICES)}\n"
        (self.folder / "gres.conf").write_text(gres)
        # The plugin's job step takes every SLURM_… variable away before it calls srun.
        shim = self.folder / "bin/srun"
        real = self.folder / "slurm.conf"
        program = shutil.which("srun", path=f"{os.environ['PATH']}:{SBIN}")
        shim.write_text(f'#!/bin/sh\nSLURM_CONF={real} exec {program} "$@"\n')
        shim.chmod(0o755)

    def _start_munge(self) -> None:
        key = self.folder / "munge/munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {
            "key-file": key,
            "socket": self.folder / "munge/munge.socket",
            "pid-file": self.folder / "munge/munged.pid",
            "log-file": self.folder / "munge/munged.log",
            "seed-file": self.folder / "munge/munged.seed",
        }
        options = [f"--{name}={path}" for name, path in files.items()]
        self._start("munged", "munged", "--foreground", "--num-threads=2", *options)
        wait_until(files["socket"].exists, 20, self._logs)

    def _start(self, name: str, *words: str) -> None:
        log = (self.folder / f"{name}.out").open("a")
        self.daemons[name] = subprocess.Popen(
            # However the tests end, the daemons end with them.
            ["setpriv", "--pdeathsig", "KILL", *words],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def _logs(self) -> str:
        ends = {path.name: path.read_text()[-2000:] for path in self.folder.glob("*.out")}
        return "\n".join(f"{name}:\n{text}" for name, text in ends.items())


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _time(text: str) -> datetime | None:
    return None if text in ("Unknown", "None", "N/A") else datetime.fromisoformat(text)


def _parents() -> dict[int, int]:
    """Process id -> parent's."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    return found


def _descendants(pid: int) -> set[int]:
    parents = _parents()
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
