"""The digest of the code behind a rule: what it covers, and what it refuses to overlook."""

import shutil

import pytest

from chronovision.jobs import code_digest as module
from chronovision.jobs.code_digest import code_digest, covered_modules
from support.edits import ARITHMETIC, NO_NUMBER, edit
from support.paths import SCRIPTS
from support.rules import scripts_of_rules


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the scripts for all tests: what has been parsed once is not parsed again."""
    copy = tmp_path_factory.mktemp("copy") / "scripts"
    return shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def sources(copied, monkeypatch):
    """A copy of the scripts to edit, which is put right again."""
    monkeypatch.setattr(module, "PACKAGE", copied / "chronovision")
    yield copied
    for path in copied.rglob("*.*"):
        original = SCRIPTS / path.relative_to(copied)
        if path.stat().st_mtime_ns != original.stat().st_mtime_ns:
            shutil.copy2(original, path)


def digests(scripts):
    return {path.stem: code_digest(path) for path in scripts.glob("*.py")}


def test_comments_docstrings_and_layout_do_not_count(sources):
    before = digests(sources)
    module = sources / "chronovision/salience/changes.py"
    edit(module, '"""Frame-to-frame change', '"""FRAME-to-frame change')
    edit(module, "def measure_changes(", "# why\n\n\ndef measure_changes(")
    edit(module, "    Parameters\n", "    Arguments\n")
    assert digests(sources) == before


@pytest.mark.parametrize("module", ARITHMETIC)
def test_a_line_of_arithmetic_counts_for_exactly_the_rules_that_run_it(module, sources):
    before = digests(sources)
    old, new, users = ARITHMETIC[module]
    edit(sources / f"chronovision/{module}.py", old, new)
    after = digests(sources)
    assert {rule for rule in scripts_of_rules() if before[rule] != after[rule]} == users


def test_every_room_has_a_line_of_arithmetic():
    rooms = {path.parent.name for path in SCRIPTS.glob("chronovision/*/__init__.py")}
    assert len(rooms) > 14 and rooms == {module.split("/")[0] for module in ARITHMETIC}


def test_features_depend_on_few_modules():
    """An edit elsewhere must not redo hours of work on a GPU."""
    assert covered_modules(SCRIPTS / "extract_features.py") <= {
        f"chronovision.{name}"
        for name in (
            "core", "core.files", "core.hdf5", "core.provenance", "core.seeds", "features",
            "features.engines", "features.extraction", "features.joining", "features.moments",
            "features.networks",
        )
    }  # fmt: skip


def test_hints_and_counts_of_operations_make_no_features_anew(sources):
    """They concern the survey and the weights alone."""
    before = digests(sources)
    edit(sources / "chronovision/features/network_hints.py", "ask for pool5", "take pool5")
    edit(sources / "chronovision/features/operations.py", "/ 1e9", "* 1e-9")
    changed = {name for name, value in digests(sources).items() if value != before[name]}
    assert "survey_folder" in changed
    assert not {"extract_features", "extract_piece", "measure_changes"} & changed


def test_files_that_the_code_reads_count(sources):
    script, pattern = sources / "render_page.py", "report/templates/*.html"
    before = code_digest(script), code_digest(script, pattern)
    edit(sources / "chronovision/report/templates/video.html", "<h2", "<h2 ")
    assert code_digest(script) == before[0]
    assert code_digest(script, pattern) != before[1]


@pytest.mark.parametrize("module", NO_NUMBER)
def test_what_decides_no_number_counts_for_no_rule(module, sources):
    before = digests(sources)
    edit(sources / f"chronovision/{module}.py", *NO_NUMBER[module])
    after = digests(sources)
    assert {rule for rule in scripts_of_rules() if before[rule] != after[rule]} == set()


def test_tables_make_no_features_anew(sources):
    scripts = [sources / f"{name}.py" for name in ("dump_frames", "extract_features")]
    before = [code_digest(script) for script in scripts]
    edit(sources / "chronovision/core/tables.py", "columns without", "columns that lack a")
    assert [code_digest(script) for script in scripts] == before


@pytest.mark.parametrize("module", ["core/files", "core/hdf5", "core/provenance", "core/__init__"])
def test_the_rest_of_what_features_import_counts(module, sources):
    script = sources / "extract_features.py"
    before = code_digest(script)
    path = sources / f"chronovision/{module}.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert code_digest(script) != before


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write files of a package of that name, and an adapter; return the adapter."""
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "scripts/chronovision")

    def write(script, **files):
        for name, text in {"": "", "room": "", **files}.items():
            path = tmp_path / "scripts/chronovision" / name.replace("__", "/")
            in_folder = not name or any(other.startswith(f"{name}__") for other in files)
            path = path / "__init__.py" if in_folder else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        adapter = tmp_path / "scripts/adapter.py"
        adapter.write_text(script)
        return adapter

    return write


@pytest.mark.parametrize(
    "statement",
    [
        "import chronovision.room.inner",
        "import chronovision.room.inner as other",
        "from chronovision.room import inner",
        "from chronovision.room.inner import value",
        "def later():\n    from chronovision.room import inner",
        "from chronovision.top import value",
    ],
)
def test_whole_names_are_resolved(statement, package):
    rooms = {"room__inner": "from .other import value", "room__other": "value = 1"}
    adapter = package(statement, top="from .room.inner import value", **rooms)
    covered = covered_modules(adapter) - {"chronovision.top"}
    names = {"room", "room.inner", "room.other"}
    assert covered == {f"chronovision.{name}" for name in names}


def test_a_module_hides_behind_two_dots(package):
    inner = "from ..core import sums\nfrom .. import top"
    files = {"room__inner": inner, "core__sums": "", "core": "", "top": ""}
    covered = covered_modules(package("import chronovision.room.inner", **files))
    assert {"chronovision.core.sums", "chronovision.top"} <= covered


def test_the_init_of_a_room_counts(package):
    adapter = package("from chronovision.room import value", room="value = 1", room__inner="")
    before = code_digest(adapter)
    package("from chronovision.room import value", room="value = 2", room__inner="")
    assert code_digest(adapter) != before


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("import chronovision.rom", "chronovision.rom"),
        ("import chronovision.room.outer", "chronovision.room.outer"),
        ("from chronovision import lazy", "chronovision.lazy"),
        ("from chronovision.room import outer", "chronovision.room.outer"),
        ("from chronovision.room.inner import gone", "chronovision.room.inner.gone"),
        ("import chronovision.room.inner.value", "chronovision.room.inner.value"),
    ],
)
def test_a_name_of_the_package_that_is_not_there_is_an_error(statement, missing, package):
    """Else a rename could take code out of the digest, and nothing would run again."""
    adapter = package(statement, room__inner="value = 1")
    with pytest.raises(ImportError, match=f"adapter.py imports {missing}, which is not there"):
        code_digest(adapter)


def test_the_package_alone_is_no_import_of_a_job(package):
    """What it offers is bound when it is used: nobody could tell what the digest must cover."""
    with pytest.raises(ImportError, match="imports chronovision whole"):
        code_digest(package("import chronovision"))
