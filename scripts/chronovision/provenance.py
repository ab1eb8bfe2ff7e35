"""What made an output: code, config, weights, videos, versions, device and precision.

A provenance record is a plain dict::

    software  {chronovision, commit, dirty, python, <package>: version …}
    videos    {id: {path, sha256, stream, frame_interval_s, …}}
    network   {model, weights, weights_sha256, trained, layers, precision, device, engine}
    steps     {stage: the slice of the config that the stage used}

Each stage takes its inputs' record and adds itself with `add_step`; set-wide stages
first bring their videos' records together with `merge`.
"""

import ast
import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from chronovision import __version__
from chronovision.errors import UserError

PACKAGE = Path(__file__).parent

#: What must agree over the videos of a set before their numbers may stand in one table.
COMPARABLE = ("model", "weights_sha256", "layers", "precision")

#: Nodes that may begin with a docstring.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def add_step(record: Mapping, stage: str, config: Mapping, packages: Sequence[str] = ()) -> dict:
    """`record` with this stage, its slice of the config and the present software added.

    Parameters
    ----------
    record : provenance of the inputs, ``{}`` at the start.
    stage : name of the rule.
    config : what the stage was told.
    packages : distributions whose version bears on the result.
    """
    software = {**record.get("software", {}), **_software(tuple(packages))}
    steps = {**record.get("steps", {}), stage: dict(config)}
    return {**record, "software": software, "steps": steps}


def merge(records: Mapping[str, Mapping]) -> dict:
    """One record for a set of videos, or a refusal when their features are not comparable.

    Parameters
    ----------
    records : video id -> provenance of that video's file.

    Raises
    ------
    UserError : the features differ in network, weights, layers or precision.
    """
    (first, reference), *others = records.items()
    for video, record in others:
        for key in COMPARABLE:
            mine, theirs = reference["network"][key], record["network"][key]
            if mine != theirs:
                raise UserError(
                    f"videos {first} and {video} have features of different {key} ({mine} and "
                    f"{theirs}), so they cannot share a table: delete the older features/*.h5"
                )
    videos = {
        name: value for record in records.values() for name, value in record["videos"].items()
    }
    return {**reference, "videos": dict(sorted(videos.items()))}


@cache
def _software(packages: tuple[str, ...]) -> dict:
    return {
        "chronovision": __version__,
        **_git_state(),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def _git_state() -> dict:
    """Commit and whether the tree differs from it; both None outside a git checkout of ours."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(PACKAGE), *words], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "provenance.py") is None:
        return {"commit": None, "dirty": None}
    status = git("status", "--porcelain", "--untracked-files=no", "--", f"{PACKAGE}/..")
    return {"commit": git("rev-parse", "HEAD"), "dirty": bool(status)}


def source_digest(script: str | Path, data: str | None = None) -> str:
    """Digest of a script and of the modules of this package that it imports, transitively.

    Docstrings, comments and layout do not count, so that only a change of what the code
    does asks for a rerun.

    Parameters
    ----------
    script : path of an adapter.
    data : pattern of files of this package that the code reads, e.g. ``templates/*.html``;
        their bytes count.

    Returns
    -------
    16 hexadecimal digits.
    """
    seen: dict[str, str] = {}
    _collect(Path(script), seen)
    for path in sorted(PACKAGE.glob(data)) if data else []:
        seen[str(path.relative_to(PACKAGE))] = path.read_text(encoding="utf-8")
    text = "\n".join(f"{name}\n{source}" for name, source in sorted(seen.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _collect(path: Path, seen: dict[str, str]) -> None:
    name = f"{path.parent.name}/{path.name}"
    if name in seen:
        return
    seen[name], modules = _normalised(path, path.stat().st_mtime_ns)
    for module in modules:
        _collect(module, seen)


@cache
def _normalised(path: Path, _mtime_ns: int) -> tuple[str, tuple[Path, ...]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree), tuple(_imported(ast.walk(tree)))


def _imported(nodes: Iterable[ast.AST]) -> list[Path]:
    """Files of this package that import statements name."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    parts = [name.split(".") for name in sorted(names) if name.startswith("chronovision.")]
    return [file for part in parts if (file := PACKAGE / f"{part[1]}.py").exists()]
