"""Random generators derived from the config's seed and a name, never from call order."""

import hashlib

import numpy as np


def derive_rng(seed: int, *key: object) -> np.random.Generator:
    """Generator that depends on nothing but `seed` and `key`.

    Parameters
    ----------
    seed : the config's `seed`.
    key : what the draws are for, e.g. ``("accumulator", video, layer)``; compared by `str`.

    Returns
    -------
    numpy.random.Generator (PCG64); equal arguments give equal streams on every machine.
    """
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    return np.random.default_rng([seed, *words.tolist()])
