"""Finds, in the text of a module, what creates, alters or removes files.

A write is atomic if it goes to the temporary name that `atomic_file` or `atomic_folder` yields, or
into memory. Names are followed within a function: ``with atomic_file(path) as part``,
``part.open("w") as file``, ``part / name``, ``io.BytesIO()``. Programs that are started are not
seen, but for the commands that ffmpeg-python builds.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

ATOMIC = {"atomic_file", "atomic_folder"}
#: What has no name among the files.
MEMORY = {"BytesIO", "StringIO", "TemporaryFile", "SpooledTemporaryFile"}

#: Methods whose object is the path.
OF_PATHS = {"write_text", "write_bytes", "touch", "mkdir", "rename", "replace", "unlink", "rmdir"}
OF_PATHS |= {"symlink_to", "hardlink_to"}
#: Functions of modules, and methods of anything: name -> which argument is the path.
ARGUMENT = {
    **dict.fromkeys(("save", "savez", "savez_compressed", "savetxt", "tofile", "imwrite"), 0),
    **dict.fromkeys(("savefig", "print_figure", "output"), 0),
    **dict.fromkeys(("to_csv", "to_json", "to_pickle", "to_parquet", "to_hdf", "to_excel"), 0),
}
#: Functions of modules alone.
OF_MODULES = {
    **dict.fromkeys(("mkdir", "makedirs", "remove", "unlink", "rmdir", "rmtree", "truncate"), 0),
    **dict.fromkeys(("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory"), 0),
    **dict.fromkeys(("copy", "copy2", "copyfile", "copytree", "copyfileobj", "move"), 1),
    **dict.fromkeys(("dump", "rename", "renames", "replace", "link", "symlink"), 1),
}
OPENING = {"open", "File", "ZipFile", "memmap", "fdopen"}
#: Modules with functions of those names that have nothing to do with files.
OTHERS = {"copy", "dataclasses"}


@dataclass(frozen=True)
class Write:
    """A call that writes; `function` is the outermost one around it, or empty."""

    function: str
    line: int
    text: str
    is_atomic: bool


def file_writes(text: str) -> list[Write]:
    """Where a module writes, in its order."""
    tree = ast.parse(text)
    origins = _origins(tree)
    found = []
    for function, part in _outermost(tree):
        temporary = _temporary_names(part)
        for node in ast.walk(part):
            target = _target(node, origins)
            if target is not None:
                text = ast.unparse(node).splitlines()[0]
                is_atomic = _is_temporary(target, temporary)
                found.append(Write(function, node.lineno, text, is_atomic))
    return sorted(found, key=lambda write: write.line)


def _origins(tree: ast.Module) -> dict[str, str]:
    """Imported name -> the package that it is from; this one's own are "chronovision"."""
    origins = {"open": "builtins"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                origins[alias.asname or alias.name.split(".")[0]] = alias.name.split(".")[0]
        if isinstance(node, ast.ImportFrom):
            package = "chronovision" if node.level else node.module.split(".")[0]
            origins.update({alias.asname or alias.name: package for alias in node.names})
    return origins


def _outermost(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions and methods with their names, and each statement outside of them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{getattr(part, 'name', '')}", part) for part in node.body)
            yield from ((node.name, base) for base in node.bases)
        else:
            yield getattr(node, "name", ""), node


def _temporary_names(part: ast.AST) -> set[str]:
    """Names within a function that stand for nothing but temporary files and memory."""
    bound: dict[str, list[ast.expr]] = {}
    for node in ast.walk(part):
        if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            bound.setdefault(node.optional_vars.id, []).append(node.context_expr)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(node.value)
    names: set[str] = set()
    for _ in bound:  # one may be made of another
        for name, values in bound.items():
            if all(_is_temporary(value, names) for value in values):
                names.add(name)
    return names


def _called(call: ast.Call) -> str:
    """Last part of the name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _is_temporary(target: ast.expr, names: set[str]) -> bool:
    """Whether a path or open file is a temporary one, in a temporary folder, or memory."""
    match target:
        case ast.Name(id=name):
            return name in names
        case ast.BinOp(left=left, op=ast.Div()):
            return _is_temporary(left, names)
        case ast.JoinedStr(values=[*_, ast.FormattedValue(value=value)]):
            return _is_temporary(value, names)
        case ast.Call(func=ast.Name(id="str"), args=[path]):
            return _is_temporary(path, names)
        case ast.Call() if _called(target) in ATOMIC | MEMORY:
            return True
        case ast.Call() if _called(target) in OPENING:
            own = [target.func.value] if isinstance(target.func, ast.Attribute) else []
            return any(_is_temporary(part, names) for part in own + target.args[:1])
    return False


def _target(node: ast.AST, origins: dict[str, str]) -> ast.expr | None:
    """What a node writes to, or the node itself if it does not say; None if it writes nothing."""
    if isinstance(node, ast.Attribute) and node.attr == "FileHandler":
        return node  # called, or the base of a class
    if not isinstance(node, ast.Call):
        return None
    name, own = _called(node), getattr(node.func, "value", None)
    origin = origins.get(_root(node.func), "")
    if origin == "chronovision" or origin in OTHERS or (own is None and not origin):
        return None  # looked into where it is defined
    if name in OPENING:
        return _opened(node, None if origin else own)
    if origin:
        # ffmpeg.output(stream, path), torch.save(value, path)
        place = 1 if origin in ("ffmpeg", "torch") else (ARGUMENT | OF_MODULES).get(name)
        return _argument(node, place) if name in ARGUMENT | OF_MODULES else None
    if name in OF_PATHS:
        # What str.replace and DataFrame.rename are given is no path.
        is_of_text = len(node.args) > 1 or (name in ("rename", "replace") and node.keywords)
        to = node.args[0] if name in ("rename", "replace") and node.args else own
        return None if is_of_text else to
    return _argument(node, ARGUMENT.get(name))


def _root(node: ast.expr) -> str:
    """The name that a dotted name begins with; empty if it is something else."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return getattr(node, "id", "")


def _argument(call: ast.Call, place: int | None) -> ast.expr | None:
    # to_csv() gives a text, and what saves itself is looked into where that is defined.
    is_elsewhere = _called(call).startswith(("to_", "save")) and not call.args
    if place is None or is_elsewhere:
        return None
    path = call.args[place] if len(call.args) > place else call
    is_pipe = isinstance(path, ast.Constant) and str(path.value).startswith("pipe:")
    return None if is_pipe else path


def _opened(call: ast.Call, own: ast.expr | None) -> ast.expr | None:
    """The path of a call of `open` or the like; None if its mode is one of reading."""
    place = 1 if own is None else 0
    modes = call.args[place : place + 1] + [k.value for k in call.keywords if k.arg == "mode"]
    if all(
        isinstance(mode, ast.Constant) and not set("wax+") & set(str(mode.value)) for mode in modes
    ):
        return None
    return call.args[0] if own is None else own
