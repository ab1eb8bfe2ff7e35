"""Which paths a run can use."""

import os
import re

#: What Snakemake takes as part of its own syntax, or cannot carry, in a path. Surrogates stand for
#: bytes of a file's name that are no UTF-8.
UNCARRIABLE = re.compile(r"[{}\x00-\x1f\x7f\ud800-\udfff]|<[a-z][a-z0-9_]*>")

#: Bytes of a name, and of a whole path, beyond which systems refuse to look for a file.
MAX_NAME, MAX_PATH = 255, 4095


def is_too_long(path: str) -> bool:
    """Whether no file can have this path."""
    raw = os.fsencode(path)
    return len(raw) > MAX_PATH or any(len(name) > MAX_NAME for name in raw.split(b"/"))
