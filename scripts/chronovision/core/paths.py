"""Limits on paths: which ones Snakemake and the file system can handle."""

import os
import re

#: Parts of a path that Snakemake reads as its own syntax, or cannot pass on. Surrogates stand for
#: bytes of a file's name that are not UTF-8.
UNCARRIABLE = re.compile(r"[{}\x00-\x1f\x7f\ud800-\udfff]|<[a-z][a-z0-9_]*>")

#: Longest name of a file or folder in bytes, as most file systems have it.
MAX_NAME = 255
#: Longest path in bytes; Linux refuses to look for a longer one.
MAX_PATH = 4095


def is_too_long(path: str) -> bool:
    """Return whether no file can have this path."""
    raw = os.fsencode(path)
    return len(raw) > MAX_PATH or any(len(name) > MAX_NAME for name in raw.split(b"/"))
