"""Cache of probing results, so that the next survey probes only files that have changed."""

import inspect
from collections.abc import Iterable
from pathlib import Path

from chronovision.core.files import read_json, write_json
from chronovision.jobs.code_digest import code_digest
from chronovision.videos.ffmpeg import find_tools
from chronovision.videos.fingerprint import sampled_hash
from chronovision.videos.probe import probe


class KnownFacts:
    """Results of probing videos, those of earlier surveys included.

    A result holds for a file as long as `chronovision.videos.fingerprint.sampled_hash` gives the
    same value, and neither the code that probes nor FFmpeg has changed.

    Parameters
    ----------
    path : Path
        File of the cache, ``probed.json``. A missing or damaged file counts as empty.
    """

    def __init__(self, path: Path) -> None:
        """Read the cache."""
        self._path = path
        self._by = {"code": code_digest(inspect.getfile(probe)), "ffmpeg": find_tools().version}
        self._earlier = _read(path, self._by)
        self._used: dict[tuple, dict] = {}

    def probe(self, path: str, stream: int | None = None) -> dict:
        """Probe a file like `chronovision.videos.probe.probe`; failures are not kept."""
        seen = sampled_hash(path)  # Before it is probed: it may be being written.
        key = (path, stream, seen)
        if key not in self._used:
            facts = self._earlier.get(key) if seen else None
            self._used[key] = facts or probe(path, stream)
        return self._used[key]

    def save(self) -> None:
        """Write the results that were asked for since; others are dropped."""
        write_json(self._path, {"by": self._by, "videos": list(_entries(self._used))})


def _entries(known: dict[tuple, dict]) -> Iterable[dict]:
    for (path, stream, seen), facts in known.items():
        if seen:
            yield {"path": path, "stream": stream, "fingerprint": seen, "facts": facts}


def _read(path: Path, by: dict) -> dict[tuple, dict]:
    try:
        kept = read_json(path)
        if kept["by"] != by:
            return {}
        return {(e["path"], e["stream"], e["fingerprint"]): e["facts"] for e in kept["videos"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
