"""What `chronovision` itself offers: a version, and names whose modules load when asked for."""

import ast
import inspect
import re
import subprocess
import sys

import pytest

import chronovision
from support.imports import PACKAGE, ImportGraph
from support.paths import PROJECT
from support.rules import rules

GRAPH = ImportGraph()
TREE = ast.parse(GRAPH.modules[PACKAGE].read_text(encoding="utf-8"))
DOCS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


TABLE = chronovision.PUBLIC_NAMES


def test_the_package_holds_a_version_and_a_table_alone():
    """Its code is outside the code digest, so it must not be able to change a number."""
    assert ast.get_docstring(TREE)
    assert [ast.unparse(node).splitlines()[0] for node in TREE.body[1:]] == [
        "from importlib import import_module",
        f"__version__ = {chronovision.__version__!r}",
        f"PUBLIC_NAMES = {TABLE}",
        "def __getattr__(name: str) -> object:",
        "def __dir__() -> list[str]:",
    ]
    assert re.fullmatch(r"\d+\.\d+\.\d+", chronovision.__version__)
    assert all(type(value) is str for value in TABLE.values())


def test_rooms_hold_no_code():
    rooms = [path for name, path in GRAPH.modules.items() if path.name == "__init__.py"]
    rooms.remove(GRAPH.modules[PACKAGE])
    assert len(rooms) > 10
    for path in rooms:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert len(tree.body) == 1 and ast.get_docstring(tree), path


def test_importing_the_package_loads_nothing():
    code = "import sys, chronovision; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"cwd": PROJECT / "scripts", "capture_output": True, "text": True, "check": True},
    )
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith(PACKAGE)} == {PACKAGE}
    assert loaded.isdisjoint({"numpy", "h5py", "yaml", "torch"})


@pytest.mark.parametrize("name", TABLE)
def test_a_public_name_is_a_documented_function_or_class(name):
    """It is defined in the module of the table, and docs/how-to.md lists it."""
    one = inspect.unwrap(getattr(chronovision, name))
    assert inspect.isfunction(one) or inspect.isclass(one)
    assert (one.__module__, one.__name__) == (TABLE[name], name)
    assert len(inspect.getdoc(one).splitlines()) > 1
    assert f"`{name}`" in (PROJECT / "docs/how-to.md").read_text(encoding="utf-8")


def test_the_names_are_listed_and_no_others_exist():
    assert set(TABLE) <= set(dir(chronovision)) and len(TABLE) > 15
    with pytest.raises(AttributeError, match="no attribute 'measure_change'"):
        _ = chronovision.measure_change


def test_every_stage_is_public():
    """The function behind a rule has the rule's name. A piece is a call of `extract_features`."""
    stages = set(rules()) - {"extract_piece"}
    assert len(stages) >= 19 and stages <= set(TABLE)


def test_the_documentation_uses_public_names():
    """Modules may be named, but not imported from: they may move."""
    imports = [
        (page.name, line)
        for page in DOCS
        for line in re.findall(r"\b(?:from|import) chronovision.*", page.read_text("utf-8"))
    ]
    assert len(imports) > 5
    assert [one for one in imports if not one[1].startswith(f"from {PACKAGE} import ")] == []
