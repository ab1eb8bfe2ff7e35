"""Names of modules in texts that nothing runs as a test: documentation, benchmarks, strings."""

import re
import subprocess

import chronovision
from support.imports import PACKAGE, ImportGraph
from support.paths import PROJECT

GRAPH = ImportGraph()

#: Tests that make up modules.
MADE_UP = re.compile(r"tests/(contract/|.*test_code_digest)")

DOTTED = re.compile(rf"(?<![\w/.-]){PACKAGE}(?:\.[A-Za-z_]\w*)+")
IMPORT = re.compile(rf"\bfrom ({PACKAGE}[.\w]*) import (\([^)]*\)|[\w, ]+)")
PATH = re.compile(rf"scripts/{PACKAGE}/[\w/]+\.\w+")


def texts():
    """Path -> text of each file of the project."""
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        **{"cwd": PROJECT, "capture_output": True, "text": True, "check": True},
    )
    for name in files.stdout.splitlines():
        path = PROJECT / name
        if not MADE_UP.match(name) and path.suffix != ".png" and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def names_in(text):
    """Dotted names of modules, and of what is in them, that a text holds."""
    yield from DOTTED.findall(text)
    for module, names in IMPORT.findall(text):
        names = re.sub(r"#.*|[()]| as \w+", "", names)
        yield from (f"{module}.{name.strip()}" for name in names.split(",") if name.strip())


def exists(name):
    """Whether a dotted name is a module, or the name of something in one."""
    parts = name.split(".")
    ends = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    module = next(end for end in ends if end in GRAPH.modules)
    inner = name.removeprefix(module).split(".")[1:2]
    if not inner or inner[0] in GRAPH.names_in(module):
        return True
    return module == PACKAGE and hasattr(chronovision, inner[0])


def test_every_module_that_a_text_names_exists():
    found = [(path, name) for path, text in texts() for name in names_in(text)]
    assert len(found) > 1000 and {"README.md", "docs/how-to.md"} & {path for path, _ in found}
    assert [f"{path}: {name}" for path, name in found if not exists(name)] == []


def test_every_file_of_the_library_that_a_text_names_exists():
    found = [(path, name) for path, text in texts() for name in PATH.findall(text)]
    assert found
    assert [f"{path}: {name}" for path, name in found if not (PROJECT / name).exists()] == []
