"""Which keys of the config decide what a stage makes; the others only decide how it is made."""

from collections.abc import Mapping


def decoding_settings(config: Mapping) -> dict:
    """What of the config decides which frames there are and how they look."""
    return {name: config["frames"][name] for name in ("size", "geometry", "every", "step_s", "fps")}


def weight_settings(config: Mapping) -> dict:
    """What of the config decides which weights are needed."""
    return {name: config["network"][name] for name in ("model", "weights", "layers")}


def feature_settings(config: Mapping) -> dict:
    """What of the config decides the features; device and batch size only decide their making."""
    names = ("model", "layers", "keep_maps", "maps_dtype", "precision")
    return {name: config["network"][name] for name in names}
