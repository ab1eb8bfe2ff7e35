"""Nothing writes but through `chronovision.core.files`: a file under its final name is whole.

Each rule is killed once, and one of them at every point, in tests/workflow/test_killed_jobs.py.
"""

import pytest

from support.file_writes import Write, file_writes
from support.paths import SCRIPTS

#: (module, function) -> why it writes by itself.
EXCEPTIONS = {
    ("core/files.py", "atomic_file"): "is what all others write through",
    ("core/files.py", "atomic_folder"): "is what all others write through",
    ("jobs/locks.py", "acquire_gpu"): "the file of a lock is empty",
    ("jobs/locks.py", "lock_results"): "the file of a lock is empty",
    ("jobs/log.py", "_LogFile"): "a log is read while it grows",
    ("commands/demo.py", "make_demo_videos"): "removes clips that were made after another recipe",
    ("verification/tables.py", "_again"): "compares what is made again in a temporary folder",
    ("inventory/leftovers.py", "_delete"): "removes what its user wants to be rid of",
}


@pytest.fixture(scope="module")
def writes() -> list[tuple[str, Write]]:
    """All writes, with the module's path from the package, or the script's name."""
    found = []
    for path in sorted(SCRIPTS.rglob("*.py")):
        name = path.relative_to(SCRIPTS).as_posix().removeprefix("chronovision/")
        found += [(name, write) for write in file_writes(path.read_text(encoding="utf-8"))]
    return found


def test_what_is_written_otherwise_is_known(writes):
    otherwise = [(name, write) for name, write in writes if not write.is_atomic]
    unknown = [(n, w.line, w.text) for n, w in otherwise if (n, w.function) not in EXCEPTIONS]
    assert not unknown, "write through atomic_file or atomic_folder"
    assert {(name, write.function) for name, write in otherwise} == set(EXCEPTIONS)


def test_the_writers_are_seen(writes):
    """Text, tables, HDF5, images, figures, models, weights and made clips, two writers at least."""
    atomic = [(name, write.text) for name, write in writes if write.is_atomic]
    assert len(atomic) >= 12, atomic
    for kind in ("write_bytes", "to_csv", "h5py.File", "savefig", "dump", "torch.save", "output"):
        assert any(f"{kind}(" in text for _, text in atomic), kind


OFFENCES = [
    "open(path, 'w')",
    "open(path, mode='ab')",
    "path.open('x')",
    "path.open(mode)",
    "os.open(path, flags)",
    "path.write_text(text)",
    "(path / 'a').write_bytes(data)",
    "path.mkdir(parents=True)",
    "os.makedirs(path)",
    "path.touch()",
    "part.rename(path)",
    "os.replace(part, path)",
    "shutil.copy2(source, path)",
    "move(source, path)",
    "h5py.File(path, 'r+')",
    "h5py.File(path, mode='a')",
    "np.save(path, values)",
    "values.tofile(path)",
    "table.to_csv(path, sep='x')",
    "torch.save(state, path)",
    "json.dump(value, file)",
    "figure.savefig(path)",
    "picture.save(path, 'PNG')",
    "stream.output(str(path))",
    "ffmpeg.output(stream, str(path))",
    "tempfile.mkdtemp()",
    "logging.FileHandler(path)",
    "path.unlink()",
    "shutil.rmtree(path)",
    # Beside the temporary file, or under a name that may be another one.
    "(part.parent / 'a').write_text(text)",
    "open(f'{part}.bak', 'w')",
    "both.write_text(text)",
]
HARMLESS = [
    "part.write_bytes(data)",
    "part.open('w')",
    "open(part, 'wb')",
    "file.truncate()",
    "rows.to_csv(file)",
    "np.save(folder / 'a.npy', values)",
    "h5py.File(part, 'w')",
    "json.dump(value, file)",
    "torch.save(state, part)",
    "stream.output(f'file:{part}')",
    "ffmpeg.output(stream, 'pipe:1')",
    "picture.save(buffer, 'PNG')",
    "tempfile.TemporaryFile()",
    "open(path)",
    "path.open('rb')",
    "Image.open(path)",
    "h5py.File(path)",
    "h5py.File(path, 'r')",
    "text.replace('a', 'b')",
    "table.rename(columns=names)",
    "dataclasses.replace(value, a=1)",
    "ours.save(figure, path)",
    "os.replace",
]

MODULE = """
import dataclasses, ffmpeg, json, h5py, io, logging, os, shutil, tempfile, torch
import numpy as np
from PIL import Image
from shutil import move
from chronovision import ours
from chronovision.core.files import atomic_file, atomic_folder

class Writer:
    def write(self, path, mode, both):
        with atomic_file(path) as part, {opened} as file, atomic_folder(path) as folder:
            buffer = io.BytesIO()
            both = part
            both = path
            {call}
"""


def written(call: str, opened: str = "part.open('w')") -> list[Write]:
    """What `call` writes beside atomic files, in a module."""
    found = file_writes(MODULE.format(call=call, opened=opened))
    return [write for write in found if not write.is_atomic]


@pytest.mark.parametrize("call", OFFENCES)
def test_an_offence_is_found(call):
    opened = "path.open()" if "dump" in call else "part.open('w')"
    assert [(write.function, write.text) for write in written(call, opened)] == [
        ("Writer.write", call.replace("Handler(path)", "Handler"))
    ]


@pytest.mark.parametrize("call", HARMLESS)
def test_what_is_harmless_is_no_offence(call):
    assert not written(call)


def test_a_log_by_another_name_is_found():
    (found,) = file_writes("import logging\nclass Log(logging.FileHandler):\n    pass")
    assert found.function == "Log" and not found.is_atomic
