"""The floors of the library: who may import whom. docs/architecture.md draws them."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from support.imports import PACKAGE, ImportGraph
from support.rules import scripts_of_rules

GRAPH = ImportGraph()
RULES = scripts_of_rules()

#: From the ground up. A room imports rooms of lower floors only, none beside it. `jobs`, for what
#: planning and running need, lies above `videos` because a request depends on the rows of a video.
#: `config` lies above the stages because their registries hold what it may name.
FLOORS = (
    ("errors",),
    ("core",),
    ("videos",),
    ("jobs",),
    ("confounds",),
    ("features",),
    ("salience",),
    ("segmentation", "duration", "quality"),
    ("figures",),
    ("report",),
    ("config", "inventory"),
    ("survey", "verification"),
    ("commands",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

#: What no job of a rule needs: it would be run again when that changes.
NOT_IN_JOBS = re.compile(
    r"chronovision\.(survey|verification|inventory|commands|config|jobs\.(code_digest|resources|costs)"
    r"|core\.results)\b"
)


def room_of(module: str) -> str:
    """The first part after the package's name; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def names(file: str) -> set[str]:
    """What a file imports, of ours and of others."""
    return {one.name for one in GRAPH.imports(file)}


def arrows(graph: ImportGraph) -> dict[tuple[str, str], set[str]]:
    """(room, other room that it imports) -> "module -> module" of each such import."""
    found = {}
    for module in graph.modules:
        for one in graph.imports(module):
            ends = room_of(module), room_of(one.name)
            packages = {PACKAGE, f"{PACKAGE}.{ends[1]}"} - {f"{PACKAGE}.errors"}
            if one.is_ours and one.name not in packages and ends[0] != ends[1]:
                found.setdefault(ends, set()).add(f"{module} -> {one.name}")
    return found


def test_every_module_lies_in_a_room_with_a_floor():
    assert {room_of(module) for module in GRAPH.modules} - {""} == set(FLOOR)


def test_rooms_import_from_lower_floors_only():
    found = arrows(GRAPH)
    assert len(found) > 40
    upwards = [found[room, other] for room, other in found if FLOOR[other] >= FLOOR[room]]
    assert sorted(set().union(*upwards)) == []


def test_modules_import_no_circle():
    """Packages apart, which every module in them needs."""
    packages = {name for name, path in GRAPH.modules.items() if path.name == "__init__.py"}
    needs = {
        module: {one.name for one in GRAPH.imports(module) if one.is_ours} - packages
        for module in GRAPH.modules
    }
    assert len(list(TopologicalSorter(needs).static_order())) == len(needs)


def test_the_library_knows_nothing_of_snakemake():
    users = {module for module in GRAPH.modules if "snakemake" in names(module)}
    assert users == set() and len(GRAPH.modules) > 80


@pytest.mark.parametrize("script", GRAPH.scripts)
def test_scripts_import_the_library_alone(script):
    """No other script, and nothing of others but what comes with Python."""
    ours = names(script) & {*GRAPH.modules, *GRAPH.scripts}
    assert ours - {PACKAGE} and ours <= set(GRAPH.modules)
    assert names(script) - ours <= sys.stdlib_module_names


@pytest.mark.parametrize("rule", RULES)
def test_adapters_hand_over_names_and_do_nothing_else(rule):
    """At most 25 lines; arguments by name, none packed for it; no loops, which the library has."""
    text = GRAPH.scripts[Path(RULES[rule][1]).stem].read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text)))
    packed = [
        ast.unparse(node.value)
        for node in nodes
        if isinstance(node, ast.Starred) or (isinstance(node, ast.keyword) and node.arg is None)
        if isinstance(node.value, ast.Tuple | ast.List | ast.Dict | ast.DictComp)
    ]
    assert len(text.splitlines()) <= 25 and packed == []
    assert not [node for node in nodes if isinstance(node, ast.For | ast.While | ast.FunctionDef)]


@pytest.mark.parametrize("rule", RULES)
def test_jobs_run_none_of_what_is_not_theirs(rule):
    needed = GRAPH.modules_of(Path(RULES[rule][1]).stem)
    assert needed and sorted(filter(NOT_IN_JOBS.match, needed)) == []


def test_planning_imports_no_heavy_package():
    """A dry run of a thousand videos would wait for them, and each job that Snakemake starts."""
    packages = set().union(
        *(GRAPH.packages_of(path, lazy=False) for path in GRAPH.rule_files),
    )
    assert {"snakemake", "yaml"} <= packages
    assert packages.isdisjoint({"torch", "torchvision", "openvino", "pandas", "sklearn", "scipy"})
