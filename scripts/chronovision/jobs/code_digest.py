"""Code digests: a rule reruns if the code behind it would compute something else, and only then."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

#: Folder of this package.
PACKAGE = Path(__file__).parents[1]
#: Name of this package.
ROOT = "chronovision"

#: Modules and rooms that cannot change a number: they write messages, lock files and request
#: resources. Their imports are not followed either.
UNCOUNTED = (f"{ROOT}.errors", f"{ROOT}.core.messages", f"{ROOT}.jobs")

#: Nodes of a syntax tree that may begin with a docstring.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class _Source(NamedTuple):
    """A module without docstrings, comments and layout, what it imports and what it defines."""

    text: str
    imports: tuple["_Import", ...]
    names: frozenset[str]


class _Import(NamedTuple):
    """``import module`` (`name` is None), or ``from module import name``; `level` counts dots."""

    module: str
    name: str | None
    level: int = 0


def code_digest(script: str | Path, data: str | None = None) -> str:
    """Return the digest of a script and of this package's modules that it imports, transitively.

    Docstrings, comments and layout do not count. Nor do modules that cannot change a number
    (`UNCOUNTED`), and the package's own ``__init__``, which holds the version and names.

    Parameters
    ----------
    script : path-like
        The adapter of the rule.
    data : str, optional
        Glob pattern of files of this package that the code reads, e.g. ``report/templates/*.html``.
        Their bytes count.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    ImportError
        An import names something of this package that does not exist, or the package alone, so
        that nobody could tell what the digest must cover.
    """
    text = "\n".join(f"{name}\n{source}" for name, source in sorted(_sources(script, data).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def covered_modules(script: str | Path) -> set[str]:
    """Return the dotted names of this package's modules that the digest of a script covers."""
    return {name for name in _sources(script, None) if name.startswith(f"{ROOT}.")}


def _sources(script: str | Path, data: str | None) -> dict[str, str]:
    """Map the name of each module that the digest covers to its text."""
    script = Path(script)
    source = _read(script)
    found = {f"scripts/{script.name}": source.text}
    waiting = list(_imported(script, "", source))
    while waiting:
        module = waiting.pop()
        if module not in found:
            path = _file(module)
            if path is None:
                raise ImportError(f"{module} is a folder without __init__.py")
            source = _read(path)
            found[module] = source.text
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            waiting += _imported(path, package, source)
    for path in sorted(PACKAGE.glob(data)) if data else []:
        found[str(path.relative_to(PACKAGE))] = path.read_text(encoding="utf-8")
    return found


def _imported(path: Path, package: str, source: _Source) -> Iterator[str]:
    """Yield the modules of this package that a file imports, and the packages that hold them."""
    for one in source.imports:
        module = _absolute(one, package)
        if (module, one.name) == (ROOT, None):
            raise ImportError(f"{path} imports {ROOT} whole: import what it needs from its modules")
        if module.split(".")[0] == ROOT:
            try:
                module = _resolve(module, one.name)
            except LookupError as error:
                raise ImportError(f"{path} imports {error.args[0]}, which is not there") from None
            if not any(f"{module}.".startswith(f"{part}.") for part in UNCOUNTED):
                parts = module.split(".")
                yield from (".".join(parts[:end]) for end in range(2, len(parts) + 1))


def _absolute(one: _Import, package: str) -> str:
    """Return the dotted name of the module that an import statement names."""
    if not one.level:
        return one.module
    base = package.split(".")[: len(package.split(".")) - one.level + 1]
    return ".".join([*base, one.module] if one.module else base)


def _resolve(module: str, name: str | None) -> str:
    """Return the imported module: `module` itself, or `name` where that is a module in it."""
    path = _file(module)
    if path is None:
        raise LookupError(module)
    if name is None:
        return module
    if _file(f"{module}.{name}") is not None:
        return f"{module}.{name}"
    if name not in _read(path).names:
        raise LookupError(f"{module}.{name}")
    return module


def _file(module: str) -> Path | None:
    """Return the file of a module or package of this package, None if there is none."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_suffix(".py") if path != PACKAGE else None)
    return next((file for file in files if file is not None and file.is_file()), None)


def _read(path: Path) -> _Source:
    return _parse(path, path.stat().st_mtime_ns)


@cache
def _parse(path: Path, _mtime_ns: int) -> _Source:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports: list[_Import] = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.ImportFrom):
            imports += [_Import(node.module or "", one.name, node.level) for one in node.names]
        elif isinstance(node, ast.Import):
            imports += [_Import(one.name, None) for one in node.names]
    for node in tree.body:
        names.update(_defined(node))
    return _Source(ast.unparse(tree), tuple(imports), frozenset(names))


def _defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((one.asname or one.name).split(".")[0] for one in node.names)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
