"""Files of settings: what is read, and what is refused in one line that names file and line."""

import json
import os
import time

import pytest
import yaml

from chronovision.config.files import read_config, require_unique_keys
from chronovision.errors import UserError


def written(tmp_path, content, name="my.yaml"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path, read=read_config):
    with pytest.raises(UserError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and text.isprintable()
    return text.removeprefix(str(path))


REPEATS = {
    "section": ("frames: {size: 64}\n\nseed: 1\nframes:\n  every: 2\n", 4, "frames", 1),
    "key": ("frames:\n  size: 64\n  every: 1\n  size: 32\n", 4, "frames.size", 2),
    "in_quotes": ("seed: 1\n'seed': 1\n", 2, "seed", 1),
    "in_one_line": ("frames: {size: 64, size: 64}\n", 1, "frames.size", 1),
    "in_a_list": ("a:\n- {b: 1}\n- c: 1\n  d: [1, {c: 1}]\n  c: 2\n", 5, "a.c", 3),
    "after_a_key_of_many": ("? {a: 1}\n: {b: 1}\nc: 1\n? [a, b]\n: 1\nc: 2\n", 6, "c", 3),
    "json": ('{"frames":\n\t{"size": 1,\n\t"every": 1},\n "frames": {"size": 1}}', 4, "frames", 1),
    "json_within": ('{"a": ["b", {"c": "{", "d": "c",\n "\\u0063": "}"}], "b": 1}', 2, "c", 1),
    "json_in_quotes": ('{"a\\"": 1,\n"a\\"": 2, "b": "\\ud83d\\ude00"}', 2, 'a"', 1),
}


@pytest.mark.parametrize("kind", REPEATS)
@pytest.mark.parametrize("read", [read_config, lambda path: require_unique_keys([path])])
def test_a_key_that_stands_twice(tmp_path, kind, read):
    text, line, key, first = REPEATS[kind]
    said = refused(written(tmp_path, text), read)
    assert said == (
        f", line {line}: `{key}` stands twice, first in line {first}, and only the last one "
        "would count: put both together"
    )


@pytest.mark.parametrize(
    "text",
    [
        "a: {x: 1}\nb: {x: 1, y: {x: 1}}\n",
        "a: [{x: 1}, {x: 1}]\nx: 1\n",
        "a: &a {x: 1}\nb: &b {y: 1, x: 3}\nc: {<<: *a, <<: *b, x: 2}\nd: *a\ne: [*a, *a]\n",
        "x: {y: &b {z: 1}}\nc: {<<: *b, z: 2}\n",
        '{"a": {"x": "x"}, "b": {"x": ["x", "x"]},\t"x": {}}',
        "{}",
    ],
)
def test_what_stands_once_is_read(tmp_path, text):
    path = written(tmp_path, text)
    require_unique_keys([path])
    expected = json.loads(text) if "\t" in text else yaml.safe_load(text)
    assert read_config(path) == expected


def test_what_snakemake_takes_is_read(tmp_path):
    """JSON with tabs and surrogates, byte-order marks and the line ends of Windows."""
    text = json.dumps({"videos": "😀.tsv", "frames": {"size": 64}}, indent="\t")
    assert read_config(written(tmp_path, text))["videos"] == "😀.tsv"
    assert read_config(written(tmp_path, "\ufeffframes:\r\n  size: 64\r\n")) == {
        "frames": {"size": 64}
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no settings, and Snakemake refuses such a file"),
        ("# frames: {size: 64}\n", "holds no settings"),
        ("---\n", "holds no settings"),
        ("seed: 1\n".encode("utf-16"), "it is in UTF-16, not in UTF-8: save it as that"),
        ("größe: 1\n".encode("latin-1"), "it is no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "it is no text in UTF-8"),
        (b"\x1aE\x00\x00", "cannot be read as a config: unacceptable character"),
        ("frames:\n\tsize: 64\n", "line 2: found character .* indent with spaces, not tabs"),
        ("frames:\n  size: 64\n\tevery: 2\n", "line 3: .*indent with spaces, not tabs"),
        ("frames: {size: 64\n", "cannot be read as a config: line 2: "),
        ("a: b: c\n", "line 1: mapping values are not allowed here"),
        ("a: 1\n---\nb: 1\n", "line 2: but found another document"),
        ("a: *b\n", "line 1: found undefined alias 'b'"),
        ("- a list\n", "not a config: `key: value` lines are needed"),
        ("5", "not a config"),
        ("a: " + "[" * 5000, "more than 100 levels"),
        (b"a: " + b"1" * 2**20, "it has over 1048576 bytes"),
    ],
)
def test_what_cannot_be_read(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(UserError, match=said) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path) == ": cannot be read as a config: it is a folder or a pipe"
    assert refused(tmp_path / "pipe") == ": cannot be read as a config: it is a folder or a pipe"
    assert refused(tmp_path / "no") == ": cannot be read as a config: there is no such file"
    require_unique_keys([tmp_path / "pipe"])


def test_a_large_file_of_json_is_read_at_once(tmp_path):
    """Each key's line is counted on from the last one: from the first it takes half a minute."""
    text = json.dumps({f"key{number}": number for number in range(45_000)}, indent=1)
    path = written(tmp_path, text[:-2] + ',\n "key0": 0\n}')
    start = time.process_time()
    said = refused(path)
    assert time.process_time() - start < 2
    assert said.startswith(", line 45002: `key0` stands twice, first in line 2, ")
