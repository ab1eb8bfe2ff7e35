"""Slices of the config: the keys that each stage reads, and no others."""

from collections.abc import Mapping


def decoding_settings(config: Mapping) -> dict:
    """Return the keys that decide which frames are analysed and how they look."""
    return {name: config["frames"][name] for name in ("size", "geometry", "every", "step_s", "fps")}


def weight_settings(config: Mapping) -> dict:
    """Return the keys that decide which weights are needed."""
    return {name: config["network"][name] for name in ("model", "weights", "layers")}


def feature_settings(config: Mapping) -> dict:
    """Return the keys that decide the features; device and batch size do not change them."""
    names = ("model", "layers", "keep_maps", "maps_dtype", "precision")
    return {name: config["network"][name] for name in names}


def range_settings(config: Mapping) -> dict:
    """Return the keys that decide the range of change, hence the static threshold."""
    names = ["scope", "range"]
    if config["thresholds"]["range"] == "percentile":
        names.append("percentiles")
    return {name: config["thresholds"][name] for name in names}


def threshold_settings(config: Mapping, threshold: str) -> dict:
    """Return the keys that decide counts under a threshold; the static one has no time constant."""
    dynamic = {"dynamic": config["thresholds"]["dynamic"]}
    return range_settings(config) | (dynamic if threshold == "dynamic" else {})


def clip_settings(config: Mapping, threshold: str) -> dict:
    """Return the keys that decide the counts in clips; without noise a clip is counted once."""
    unread = () if threshold == "dynamic" else ("repeats",)
    return {name: value for name, value in config["clips"].items() if name not in unread}


def fit_settings(config: Mapping) -> dict:
    """Return the keys that decide the fit."""
    return {name: config["duration"][name] for name in ("estimators", "folds")}
