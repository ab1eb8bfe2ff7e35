"""Docstrings are in numpydoc's form, name what the code has, and show examples that run."""

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "scripts" / "chronovision"

#: An entry of a section: names, and their type.
ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : (.+))?")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules():
    """(dotted name, syntax tree) of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield dotted.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())

#: (module, node) of every class and function that has a docstring.
DOCUMENTED = [
    (module, node)
    for module, tree in MODULES
    for node in ast.walk(tree)
    if isinstance(node, Function | ast.ClassDef) and ast.get_docstring(node)
]


def section(node, name):
    """Lines of a section of a docstring, without its title; none if it is not there."""
    found = re.split(r"^(\w[\w ]*)\n-+$", ast.get_docstring(node), flags=re.MULTILINE)
    titles, texts = found[1::2], found[2::2]
    return dict(zip(titles, texts, strict=True)).get(name, "").strip("\n").splitlines()


def entries(node, name):
    """(names, type or None) of the entries of a section."""
    for line in section(node, name):
        if line and not line.startswith(" "):
            match = ENTRY.fullmatch(line)
            assert match, f"{node.name}: {line!r} is no entry `name : type`"
            yield match[1].split(", "), match[2]


def parameters(node):
    """Names of the parameters of a function, or of a class's constructor or fields."""
    if isinstance(node, ast.ClassDef):
        fields = {one.target.id for one in node.body if isinstance(one, ast.AnnAssign)}
        own = (one for one in node.body if isinstance(one, Function) and one.name == "__init__")
        return fields.union(*(parameters(one) for one in own))
    found = node.args
    named = {one.arg for one in (*found.posonlyargs, *found.args, *found.kwonlyargs)}
    starred = {f"*{one.arg}" for one in (found.vararg, found.kwarg) if one}
    return named | starred


def takes_and_returns_arrays(node):
    """Whether a function is public, takes arrays and returns arrays."""
    if not isinstance(node, Function) or node.name.startswith("_") or node.returns is None:
        return False
    given = [one.annotation for one in (*node.args.args, *node.args.kwonlyargs) if one.annotation]
    named = [ast.unparse(one) for one in (*given, node.returns)]
    return "ndarray" in named[-1] and any("ndarray" in one for one in named[:-1])


def has_examples(node):
    return bool(ast.get_docstring(node)) and bool(section(node, "Examples"))


def test_parameters_are_those_of_the_code_and_have_types():
    count, wrong = 0, []
    for module, node in DOCUMENTED:
        for names, kind in [*entries(node, "Parameters"), *entries(node, "Attributes")]:
            count += len(names)
            unknown = {name.replace("**", "*") for name in names} - parameters(node)
            if unknown:
                wrong.append(f"{module}.{node.name} has no {', '.join(sorted(unknown))}")
            if kind is None and "See `" not in "\n".join(section(node, "Parameters")):
                wrong.append(f"{module}.{node.name}: {', '.join(names)} have no type")
    assert not wrong
    assert count > 300


def test_what_is_raised_and_returned_begins_with_a_type():
    count = 0
    for module, node in DOCUMENTED:
        for name in ("Raises", "Returns", "Yields"):
            lines = section(node, name)
            if lines:
                count += 1
                where = f"{module}.{node.name}, {name}"
                assert not lines[0].startswith(" ") and not lines[0].endswith("."), where
                assert all(line.startswith("    ") for line in lines[1:2] if line), where
    assert count > 80


def test_functions_on_arrays_show_an_example():
    functions = [
        node for _, tree in MODULES for node in tree.body if takes_and_returns_arrays(node)
    ]
    assert [node.name for node in functions if not has_examples(node)] == []
    assert len(functions) >= 20


#: Modules whose docstrings hold examples.
EXAMPLES = [module for module, tree in MODULES if ">>> " in ast.unparse(tree)]


def test_no_module_with_examples_is_missed():
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module):
    found = importlib.import_module(module)
    assert Path(inspect.getfile(found)).is_relative_to(PACKAGE)
    failed, tried = doctest.testmod(found)
    assert not failed
    assert tried
