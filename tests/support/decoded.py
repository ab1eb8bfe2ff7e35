"""Decoding as tests ask for it."""

from chronovision.videos.decoding import (
    Decoding,
    decode,
)


def frames_of(path, size=32, geometry="crop", stream=0, decoding=None):
    return list(decode(path, stream, size, geometry, decoding or Decoding()))
