"""Names of weights files, from the config; needs no PyTorch."""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping

from chronovision.videos.fingerprint import sampled_hash

#: Values of `network.weights` that are not the path of a file.
KINDS = ("imagenet", "untrained", "auto")

#: Length of the request's hash in the file name, in hexadecimal digits.
DIGITS = 12


def weights_name(network: Mapping, seed: int) -> str:
    """Return the name of the weights that a config asks for, without suffix; it is unique.

    It is ``{model}.{source}.{digest}``. `source` is imagenet, untrained, auto or file. `digest`
    stands for the layers in any order, for the seed if weights may be drawn, and for the contents
    of the user's file, whatever its name. Its modification time counts only in PyTorch's older
    format, which holds no checksums. A file that does not exist counts by its path.

    Parameters
    ----------
    network : mapping
        The config's ``network``: `model`, `layers` and `weights` are read.
    seed : int
        The config's ``seed``.
    """
    asked = network["weights"]
    source = asked if asked in KINDS else "file"
    request = {"model": network["model"], "layers": sorted(network["layers"])}
    if source in ("untrained", "auto"):
        request["seed"] = seed
    if source == "file":
        request["file"] = _contents(os.path.expanduser(asked))
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    return f"{network['model']}.{source}.{digest[:DIGITS]}"


def _contents(path: str) -> list:
    """Return a file's sampled hash and the checksums that PyTorch gives each tensor, or its path.

    A sampled hash alone would miss weights altered between the places that it looks at. Where
    there are no checksums, the time of the last change stands in for them.
    """
    found = sampled_hash(path)
    if found is None:
        return [path]
    try:
        with zipfile.ZipFile(path) as archive:
            return [found, *((entry.file_size, entry.CRC) for entry in archive.infolist())]
    # PyTorch's older format, or no file of weights at all: fetch_weights says so.
    except Exception:
        return [found, os.stat(path).st_mtime_ns]
