"""Atomic writes: a file or folder appears under its name when it is complete, or not at all."""

import errno
import glob
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chronovision.errors import UserError

#: Error numbers of a full disk and of a used-up quota.
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_file(path: str | os.PathLike, expected_bytes: int | None = None) -> Iterator[Path]:
    """Yield a temporary name beside `path`, which becomes `path` once the block has ended well.

    This is an atomic write: a file that exists under its final name is complete. On any exception
    the temporary file is removed and `path` stays as it was. Temporary files that a killed process
    left behind for the same name are removed, too.

    Parameters
    ----------
    path : path-like
        Final name.
    expected_bytes : int, optional
        Expected size of the file, if known. The message of a full disk names it.

    Raises
    ------
    UserError
        The disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in _left_behind(path):
        stale.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=_part_prefix(path), suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    part.chmod(0o666 & ~_umask())
    try:
        with _explain_full_disk(path, part, expected_bytes):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _part_prefix(path: Path) -> str:
    """Return how temporary names of `path` begin; long names are shortened and get a checksum."""
    name = path.name
    return f".{name}." if len(name) <= 80 else f".{name[:70]}.{zlib.crc32(name.encode()):08x}."


def _left_behind(path: Path) -> list[Path]:
    """Temporary files or folders of `path` that a killed process has left."""
    prefix = _part_prefix(path)
    found = path.parent.glob(f"{glob.escape(prefix)}*.part")
    # Another file's name may begin as this one's: a.h5 and a.h5.b.h5.
    return [one for one in found if "." not in one.name[len(prefix) : -len(".part")]]


@contextmanager
def _explain_full_disk(path: Path, part: Path, expected_bytes: int | None = None) -> Iterator[None]:
    try:
        yield
    # h5py has errors of its own for what happens while a file is closed, with the number in a text.
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        if number not in FULL and not any(f"errno = {code}," in str(error) for code in FULL):
            raise
        parts = part.rglob("*") if part.is_dir() else [part]
        written = sum(one.stat().st_size for one in parts if one.exists())
        wanted = f"more than {_megabytes(written)}"
        if expected_bytes and expected_bytes > written:
            wanted = f"about {_megabytes(expected_bytes)}"
        raise UserError(
            f"{path}: no space left on the disk, or quota used up; this file needs {wanted}: make "
            "room, or set pathvars.results to another drive, and run again"
        ) from error


def _megabytes(n: int) -> str:
    return f"{n / 1e6:.3g} MB"


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Write a folder atomically, like `atomic_file`; an older folder at `path` is replaced."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in _left_behind(path):
        shutil.rmtree(stale)
    part = Path(tempfile.mkdtemp(prefix=_part_prefix(path), suffix=".part", dir=path.parent))
    part.chmod(0o777 & ~_umask())
    try:
        with _explain_full_disk(path, part):
            yield part
            if path.exists():
                shutil.rmtree(path)
            os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` atomically (UTF-8, line endings as given)."""
    with atomic_file(path) as part:
        part.write_bytes(text.encode())


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write `value` atomically as indented JSON; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file that this package wrote."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def sidecar_path(table: str | os.PathLike) -> Path:
    """Path of the JSON that describes a table: same stem, ``.json``."""
    return Path(table).with_suffix(".json")
