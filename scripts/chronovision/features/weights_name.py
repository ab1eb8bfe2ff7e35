"""Name of the files of weights, by what the config asks for; needs no PyTorch."""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping

from chronovision.videos.fingerprint import fingerprint

#: What `network.weights` may be, unless it is the path of a file.
KINDS = ("imagenet", "untrained", "auto")

#: Hexadecimal digits of a wish in a name.
DIGITS = 12


def weights_name(network: Mapping, seed: int) -> str:
    """Name, without its ending, of the weights that a config asks for, and of no others.

    It is ``{model}.{source}.{digest}``: `source` is imagenet, untrained, auto or file; `digest`
    stands for the layers, whatever their order, the seed if weights may be drawn, and the contents
    of the user's file, whatever its name. Times count only of a file in PyTorch's older format,
    which holds no checksums. A file that is not there counts by its path.

    Parameters
    ----------
    network : the config's section; `model`, `layers` and `weights` count.
    seed : the config's seed.
    """
    asked = network["weights"]
    source = asked if asked in KINDS else "file"
    wish = {"model": network["model"], "layers": sorted(network["layers"])}
    if source in ("untrained", "auto"):
        wish["seed"] = seed
    if source == "file":
        wish["file"] = _contents(os.path.expanduser(asked))
    digest = hashlib.sha256(json.dumps(wish, sort_keys=True).encode()).hexdigest()
    return f"{network['model']}.{source}.{digest[:DIGITS]}"


def _contents(path: str) -> list:
    """Fingerprint of a file, or its path; with the checksums that PyTorch gives each tensor.

    A fingerprint alone would miss weights altered between the places that it looks at. Where
    there are no checksums, the time of the last change stands in for them.
    """
    found = fingerprint(path)
    if found is None:
        return [path]
    try:
        with zipfile.ZipFile(path) as archive:
            return [found, *((entry.file_size, entry.CRC) for entry in archive.infolist())]
    # PyTorch's older format, or no file of weights at all: fetch_weights says so.
    except Exception:
        return [found, os.stat(path).st_mtime_ns]
