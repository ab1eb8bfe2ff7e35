"""The import graph that other tests rely on: against made-up modules, and against Python itself."""

import ast
import json
import os
import subprocess
import sys

import pytest

from chronovision.jobs.code_digest import UNCOUNTED, covered_modules
from support.imports import PACKAGE, Import, ImportGraph, UnresolvedImport

FILES = {
    "chronovision/__init__.py": "VERSION = 1\n",
    "chronovision/errors.py": "class UserError(Exception): ...\n",
    "chronovision/room/__init__.py": "",
    "chronovision/room/module.py": """from chronovision.errors import UserError
NAME = 1
if NAME:
    other = 2
""",
    "chronovision/room/deep/__init__.py": "",
    "chronovision/room/deep/inner.py": "def function(): ...\n",
}
MODULE = {"chronovision", "chronovision.room", "chronovision.room.module"}
INNER = {"chronovision", "chronovision.room", "chronovision.room.deep"} | {
    "chronovision.room.deep.inner"
}


@pytest.fixture
def graph_of(tmp_path):
    """Makes the graph of `FILES` and of one more file with the code that is given."""

    def make(code: str, path: str = "script.py") -> ImportGraph:
        for name, text in {**FILES, path: code}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return ImportGraph(tmp_path)

    return make


def direct(graph, name):
    return {one.name for one in graph.imports(name)}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from chronovision import errors", {"chronovision", "chronovision.errors"}),
        ("from chronovision import VERSION", {"chronovision"}),
        ("from chronovision.room import module as m", MODULE),
        ("from chronovision.room.module import NAME, other", MODULE),
        ("from chronovision.room.module import UserError", MODULE),
        ("import chronovision.room.deep.inner", INNER),
        ("import chronovision.room.deep.inner as inner", INNER),
        ("from chronovision.room.deep.inner import function", INNER),
        ("def f():\n    from chronovision.room import module", MODULE),
        ("with open('x'):\n    if 1:\n        from chronovision.room import module", MODULE),
        ("import numpy.linalg as la, json", {"numpy", "json"}),
        ("from PIL.Image import open", {"PIL"}),
    ],
)
def test_every_form_of_import_is_read(code, expected, graph_of):
    assert direct(graph_of(code), "script") == expected


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("room/deep/new.py", "from .inner import function", INNER),
        ("room/deep/new.py", "from . import inner", INNER),
        ("room/deep/new.py", "from ..module import NAME", MODULE),
        ("room/deep/new.py", "from ...errors import UserError", {"chronovision.errors"}),
        ("room/__init__.py", "from .module import NAME", MODULE),
    ],
)
def test_relative_imports_are_read(path, code, expected, graph_of):
    graph = graph_of(code, f"chronovision/{path}")
    name = f"chronovision.{path.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}"
    assert direct(graph, name) == expected | {"chronovision"}


@pytest.mark.parametrize(
    "code",
    [
        "import chronovision.rooms",
        "import chronovision.errors.more",
        "from chronovision import rooms",
        "from chronovision.room import modules",
        "from chronovision.room.module import NAMES",
        "from chronovision.room.modules import NAME",
        "from chronovision.room.module import *",
        "def f():\n    from chronovision.rooms import module",
        "from .room import module",
    ],
)
def test_a_name_that_cannot_be_resolved_is_an_error(code, graph_of):
    with pytest.raises(UnresolvedImport, match="script"):
        graph_of(code).imports("script")


def test_what_is_imported_later_is_told_apart(graph_of):
    code = "import json\ndef f():\n    from chronovision import errors\nif TYPE_CHECKING:\n    "
    graph = graph_of(code + "import chronovision.room.module\n")
    assert Import("json", is_ours=False, is_lazy=False) in graph.imports("script")
    assert Import("chronovision.errors", is_ours=True, is_lazy=True) in graph.imports("script")
    assert graph.modules_of("script") == MODULE | {"chronovision.errors"}
    assert graph.modules_of("script", lazy=False) == set()


def test_imports_are_followed(graph_of):
    graph = graph_of("from chronovision.room import module")
    assert graph.modules_of("script") == MODULE | {"chronovision.errors"}
    assert graph.scripts_that_need("chronovision.errors") == {"script"}
    assert graph.scripts_that_need("chronovision.room.deep.inner") == set()
    with pytest.raises(UnresolvedImport):
        graph.scripts_that_need("errors")


# --- the project itself

GRAPH = ImportGraph()


def statements(script):
    """The import statements that a script runs, functions left out."""
    waiting, found = [ast.parse(GRAPH.scripts[script].read_text(encoding="utf-8"))], []
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append(ast.unparse(node))
            elif not isinstance(node, ast.FunctionDef):
                waiting.append(node)
    return "\n".join(found)


#: Forks for each script, so that what others wrote is imported once.
LOADED = """
import contextlib, importlib, json, os, sys
for package in json.loads(sys.argv[1]):
    importlib.import_module(package)
for name, code in json.loads(sys.argv[2]).items():
    if not os.fork():
        exec(code)
        ours = sorted(one for one in sys.modules if one.split(".")[0] == sys.argv[3])
        print(json.dumps([name, ours]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


@pytest.mark.moderate
def test_python_loads_what_the_graph_says():
    scripts = {name: statements(name) for name in GRAPH.scripts}
    packages = sorted(set().union(*map(GRAPH.packages_of, scripts)))
    words = [json.dumps(packages), json.dumps(scripts), PACKAGE]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=GRAPH.folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name: set(modules) for name, modules in map(json.loads, done.stdout.splitlines())}
    assert len(loaded) > 20 and max(map(len, loaded.values())) > 40
    assert loaded == {name: GRAPH.modules_of(name, lazy=False) for name in scripts}


def is_uncounted(module):
    return module == PACKAGE or f"{module}.".startswith(tuple(f"{one}." for one in UNCOUNTED))


@pytest.mark.parametrize("script", GRAPH.scripts)
def test_the_code_digest_covers_what_the_graph_says(script):
    found, waiting = {script}, [script]
    while waiting:
        ours = {one.name for one in GRAPH.imports(waiting.pop()) if one.is_ours}
        new = {one for one in ours - found if not is_uncounted(one)}
        found |= new
        waiting += new
    assert covered_modules(GRAPH.scripts[script]) == found - {script} != set()


def test_every_module_is_needed_by_a_script_or_by_the_rules():
    assert len(GRAPH.modules) > 80 and len(GRAPH.rule_files) > 4
    needed = set().union(*map(GRAPH.modules_of, [*GRAPH.scripts, *GRAPH.rule_files]))
    packages = {name for name, path in GRAPH.modules.items() if path.name == "__init__.py"}
    assert set(GRAPH.modules) - needed <= packages


def test_no_module_is_imported_by_a_name_made_at_run_time():
    """The graph would not see it. The table of public names is the exception."""
    for name, path in GRAPH.modules.items():
        if name != PACKAGE:
            text = path.read_text(encoding="utf-8")
            assert "import_module" not in text and "__import__" not in text, name
