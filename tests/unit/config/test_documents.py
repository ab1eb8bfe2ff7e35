"""What is generated from the config's models: its schema, config.yaml and the tables of keys."""

import pytest
import yaml

from chronovision.config.documents import documents
from chronovision.config.schema import config_schema, keys_of
from support.paths import PROJECT


@pytest.mark.parametrize("path", documents(PROJECT), ids=lambda path: path.name)
def test_what_is_generated_is_up_to_date(path):
    """Else run scripts/write_config_docs.py."""
    assert path.read_text(encoding="utf-8") == documents(PROJECT)[path]


def test_every_key_is_documented_by_meaning_unit_default_and_source():
    text = (PROJECT / "config/README.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    rows = [[cell.strip(" `") for cell in row] for row in rows if len(row) == 5]
    assert [row[0] for row in rows] == list(dict(keys_of(config_schema())))
    assert [row for row in rows if not all(row)] == []


@pytest.mark.parametrize("name", ["config", "demo", "notebook", "roseboom2019"])
def test_editors_find_the_schema(name):
    path = PROJECT / f"config/{name}.yaml"
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
    assert yaml.safe_load(schema.read_text(encoding="utf-8"))["properties"]["seed"]
