"""docs/architecture.md says what is: rules, adapters, functions, rooms and modules."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from support.imports import PACKAGE, ImportGraph
from support.paths import PROJECT
from support.rules import rule_files, rules, scripts_of_rules

GRAPH = ImportGraph()
TEXT = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(\w+)` \| \[(\w+)\.py\]\(\.\./scripts/(\w+)\.py\) \| `([\w.]+)` \| (.+) \|$", re.M
)
FILE = re.compile(r"^\| \*\*\[(\w+)\.smk\]\(\.\./workflow/rules/\1\.smk\)\*\*", re.M)


def rows():
    """(rule file, rule, adapter, module, function) of each row of the map."""
    files = [(found.start(), found[1]) for found in FILE.finditer(TEXT)]
    for found in ROW.finditer(TEXT):
        file = max(one for one in files if one[0] < found.start())[1]
        module, _, function = found[4].rpartition(".")
        assert found[2] == found[3]
        yield file, found[1], found[2], module, function


def test_the_map_holds_every_rule():
    found = [rule for _, rule, *_ in rows()]
    assert len(found) > 15 and sorted(found) == sorted(rules())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[1])
def test_the_map_leads_from_a_rule_to_its_code(row):
    file, rule, adapter, module, function = row
    assert re.search(rf"^rule {rule}:$", rule_files()[f"{file}.smk"], re.M)
    assert scripts_of_rules()[rule][1] == f"scripts/{adapter}.py"
    tree = ast.parse((PROJECT / f"scripts/{adapter}.py").read_text(encoding="utf-8"))
    imported = {
        (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert (module, function) in imported
    assert callable(getattr(importlib.import_module(module), function))
    # Rule file and room share one word.
    assert module.split(".")[1] == file


def test_rules_say_what_the_map_says_they_make():
    for found in ROW.finditer(TEXT):
        # The pattern of the weights stands in a function, which keeps those that are there.
        output = rules()[found[1]]["output"].replace("kept_weights(", "<results>/weights/")
        first = re.findall(r"`([^`]+)`", found[5])[0]
        folder = re.split(r"[{*.]", first)[0].rstrip("/")
        assert f"<results>/{folder}" in output, found[1]


def test_the_list_of_rooms_is_that_of_the_floors():
    listed = re.findall(r"^\d+\. ((?:`\w+`(?:, )?)+):", TEXT, re.M)
    rooms = [tuple(re.findall(r"`(\w+)`", line)) for line in listed]
    text = (PROJECT / "tests/contract/test_layers.py").read_text(encoding="utf-8")
    (floors,) = re.findall(r"^FLOORS = (\(.*?^\))", text, re.M | re.S)
    assert rooms == list(ast.literal_eval(floors))


def test_every_name_of_the_package_exists():
    names = set(re.findall(rf"`({PACKAGE}(?:\.\w+)+)`", TEXT))
    assert len(names) > 25
    for name in names:
        module, _, last = name.rpartition(".")
        if name not in GRAPH.modules:
            assert last in GRAPH.names_in(module), name


def test_scripts_and_tests_that_are_named_exist():
    for path in re.findall(r"`((?:tests|scripts|workflow)/[\w/]+(?:\.\w+)?)`", TEXT):
        assert (PROJECT / path).exists(), path
    scripts = set(re.findall(r"`(\w+\.py)`", TEXT)) | {f"{row[2]}.py" for row in rows()}
    assert {path.name for path in Path(PROJECT / "scripts").glob("*.py")} == scripts
