"""Which module of the project imports which: read from the code, without running it.

It is written apart from the library's digest of the code, so that tests can hold one against the
other.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from support.paths import PROJECT

PACKAGE = "chronovision"


#: An import in a file of rules, which is no Python as a whole.
TOP_LEVEL = re.compile(r"^(?:from|import) [^(\n]+(?:\([^)]*\))?", re.MULTILINE)


class UnresolvedImport(Exception):
    """A name of the package that no module and no definition has."""


@dataclass(frozen=True)
class Import:
    """One import: a module of the project (dotted), or a package of others (its first name).

    `is_lazy` is true where the import is not run with its module: inside a function, or for a type
    checker alone.
    """

    name: str
    is_ours: bool
    is_lazy: bool


@dataclass(frozen=True)
class ImportGraph:
    """The imports of a folder of scripts and of the package beside them.

    Scripts go by their names (``plot_set``), files of rules by theirs (``features.smk``), modules
    of the package by their dotted ones. A package stands for its ``__init__.py``: importing
    ``chronovision.core.files`` imports ``chronovision.core`` and ``chronovision`` as well.

    With `lazy` false, imports inside functions are left out.
    """

    folder: Path = PROJECT / "scripts"
    _read: dict[Path, list[Import]] = field(default_factory=dict, repr=False)
    _names_of: dict[str, set[str]] = field(default_factory=dict, repr=False)

    @cached_property
    def scripts(self) -> dict[str, Path]:
        """Name -> path of each script."""
        return {path.stem: path for path in sorted(self.folder.glob("*.py"))}

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Dotted name -> path of each module of the package."""
        paths = sorted((self.folder / PACKAGE).rglob("*.py"))
        return {self._dotted(path): path for path in paths}

    @cached_property
    def rule_files(self) -> dict[str, Path]:
        """Name with its suffix -> path of each file of rules beside the folder."""
        return {path.name: path for path in sorted(self.folder.parent.glob("workflow/**/*.smk"))}

    def imports(self, name: str) -> list[Import]:
        """What a file imports itself, packages on the way to a module included."""
        path = {**self.scripts, **self.modules, **self.rule_files}[name]
        if path not in self._read:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse("\n".join(TOP_LEVEL.findall(text)) if path.suffix == ".smk" else text)
            self._read[path] = list(self._imports(tree, name, path, is_lazy=False))
        return self._read[path]

    def modules_of(self, name: str, *, lazy: bool = True) -> set[str]:
        """Modules of the package that a file needs, itself too if it is one."""
        found, waiting = {name}, [name]
        while waiting:
            for one in self.imports(waiting.pop()):
                if one.is_ours and (lazy or not one.is_lazy) and one.name not in found:
                    found.add(one.name)
                    waiting.append(one.name)
        return found & set(self.modules)

    def packages_of(self, name: str, *, lazy: bool = True) -> set[str]:
        """Packages of others that a file needs, by their names in `import`."""
        readers = {name, *self.modules_of(name, lazy=lazy)}
        every = (one for reader in readers for one in self.imports(reader) if not one.is_ours)
        return {one.name for one in every if lazy or not one.is_lazy} - sys.stdlib_module_names

    def scripts_that_need(self, module: str) -> set[str]:
        """Names of the scripts that import a module, directly or not."""
        if module not in self.modules:
            raise UnresolvedImport(module)
        return {script for script in self.scripts if module in self.modules_of(script)}

    def names_in(self, module: str) -> set[str]:
        """Names that a module binds at its top level."""
        if module not in self._names_of:
            tree = ast.parse(self.modules[module].read_text(encoding="utf-8"))
            self._names_of[module] = set(_bound(tree))
        return self._names_of[module]

    def _dotted(self, path: Path) -> str:
        parts = path.relative_to(self.folder).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _imports(
        self, node: ast.AST, importer: str, path: Path, *, is_lazy: bool
    ) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            for name in self._names(child, importer, path):
                for part in self._on_the_way(name, importer):
                    is_ours = part in self.modules or part in self.scripts
                    yield Import(part, is_ours, is_lazy)
            yield from self._imports(child, importer, path, is_lazy=is_lazy or function or checked)

    def _names(self, node: ast.AST, importer: str, path: Path) -> Iterator[str]:
        """Dotted names of the modules that one statement imports."""
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = self._source(node, importer, path)
            if source.split(".")[0] != PACKAGE:
                yield source
                return
            self._require(source, importer)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                if inner not in self.modules and alias.name not in self.names_in(source):
                    raise UnresolvedImport(f"{importer}: from {source} import {alias.name}")
                yield inner if inner in self.modules else source

    def _source(self, node: ast.ImportFrom, importer: str, path: Path) -> str:
        """The module after `from`, without leading dots."""
        if not node.level:
            return node.module
        package = importer.split(".") if importer in self.modules else []
        package = package[: len(package) - node.level + (path.name == "__init__.py")]
        if not package:
            raise UnresolvedImport(f"{importer}: {ast.unparse(node)}")
        return ".".join([*package, *([node.module] if node.module else [])])

    def _on_the_way(self, name: str, importer: str) -> list[str]:
        """A module and the packages that it lies in; of a package of others its first name."""
        parts = name.split(".")
        if parts[0] != PACKAGE:
            return parts[:1]
        self._require(name, importer)
        return [".".join(parts[: i + 1]) for i in range(len(parts))]

    def _require(self, name: str, importer: str) -> None:
        if name not in self.modules:
            raise UnresolvedImport(f"{importer}: {name}")


def _bound(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in child.names)
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        yield from _bound(child)
