"""Jobs and runs that are killed at a set point, and what must be there afterwards."""

import os
from pathlib import Path

import h5py

from chronovision.core.files import read_json
from support.pipeline import Run, files, snakemake, wait_until

KILLER = Path(__file__).parent / "killer"

#: Points at which a job is killed: see killer/.
POINTS = ("start", "writing", "between", "end")


def mishap(rule: str, point: str, what: str, mark: Path) -> dict[str, str]:
    """Environment in which something happens, once, to a job of a rule: see killer/."""
    return mishaps((rule, point, what, mark))


def mishaps(*asked: tuple[str, str, str, Path]) -> dict[str, str]:
    """Environment in which several things happen, each to another rule."""
    path = os.pathsep.join(filter(None, [str(KILLER), os.environ.get("PYTHONPATH")]))
    return {"KILL": "\n".join(" ".join(map(str, one)) for one in asked), "PYTHONPATH": path}


def killed_run(folder: Path, project: Path, rule: str, point: str, victim: str) -> Run:
    """A run up to a rule in which its job, or Snakemake itself, gets a `kill -9` at the point."""
    mark = folder.parent / f"{rule}.{point}.{victim}"
    options = {"project": project, "environment": mishap(rule, point, victim, mark)}
    run = snakemake(folder, folder / "config.yaml", "--until", rule, **options)
    assert mark.exists(), f"{rule} was not killed at {point}:\n{run.text}"
    return run


def wait_for_orphans(folder: Path) -> None:
    """Wait until the jobs of a killed Snakemake have ended."""
    mine = f"{folder}/.snakemake/scripts/"
    wait_until(lambda: not any(mine in one for one in map(_command, Path("/proc").glob("[0-9]*"))))


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""


def assert_all_whole(folder: Path, finished: Path) -> None:
    """Whatever bears its final name is as in the undisturbed run."""
    for name in files(folder / "results"):
        path, expected = folder / "results" / name, finished / "results" / name
        if is_part(name) or name.startswith(("logs/", "benchmarks/", "locks/")):
            continue
        if path.name == ".snakemake_timestamp":  # Snakemake's own, empty, in folders of images
            continue
        if name.startswith("frames/"):  # deleted at the end of a run
            assert_frames_whole(path, finished)
        elif name.startswith("pieces/"):  # deleted when they are joined
            assert_piece_whole(path, finished)
        elif name.endswith(".tsv") or name.startswith("images/"):
            assert path.read_bytes() == expected.read_bytes(), name
        elif name.endswith(".h5"):
            assert h5_shapes(path) == h5_shapes(expected), name
        elif name.endswith(".json"):
            assert read_json(path), name
        else:
            assert path.stat().st_size > 0, name


def is_part(name: str) -> bool:
    """Whether a file has a temporary name, or lies in a folder that has one."""
    return any(part.endswith(".part") for part in Path(name).parts)


def assert_frames_whole(path: Path, finished: Path) -> None:
    info = read_json(finished / f"results/videos/{path.stem}.json")
    with h5py.File(path) as file:
        assert len(file["rgb"]) == len(file["time_s"]) == info["n_frames"]


def assert_piece_whole(path: Path, finished: Path) -> None:
    shapes = h5_shapes(path)
    assert set(shapes) == set(h5_shapes(finished / f"results/features/{path.parent.name}.h5"))
    assert len({shape[0] for shape in shapes.values() if shape}) == 1


def h5_shapes(path: Path) -> dict:
    """Name -> shape of the datasets in a file."""
    shapes = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: shapes.update({name: getattr(item, "shape", None)}))
    return shapes


def assert_finished_like(folder: Path, finished: Path, project: Path) -> None:
    """The same command ends well; same files, same tables, nothing left behind or to be done."""
    config = folder / "config.yaml"
    snakemake(folder, config, project=project).succeeded()
    assert_all_whole(folder, finished)
    assert files(folder / "results") == files(finished / "results")
    again = snakemake(folder, config, project=project).succeeded()
    assert "Nothing to be done" in again.text
