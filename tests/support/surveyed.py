"""Folders of films that are surveyed."""

from pathlib import Path

import yaml

from chronovision.core.hdf5 import new_h5
from chronovision.survey.survey import survey_folder
from support.paths import PROJECT

CONFIG = yaml.safe_load((PROJECT / "config/config.yaml").read_text(encoding="utf-8"))
UNTRAINED = {"network": {"weights": "untrained"}}


def survey(folder, overlay=None, **options):
    """The run's overlay as a path and as read, and what is said; `overlay` is the user's."""
    if overlay is not None:
        Path("my.yaml").write_text(yaml.safe_dump(overlay))
        options["config"] = "my.yaml"
    found = survey_folder(folder, project=PROJECT, **options)
    return found.overlay, yaml.safe_load(found.overlay.read_text()), "\n".join(found.summary)


def extract(results, *videos, frames=None, network=None, drop=(), made=None, stream=None, **rest):
    """Features of videos as far as their provenance, with the defaults but for what is named."""
    decoded = {key: value for key, value in CONFIG["frames"].items() if key != "images"}
    decoded |= {"start_s": None, "end_s": None, "strict": False, **(frames or {}), **rest}
    used = {**CONFIG["network"], "weights": "untrained", **(network or {})}
    for one in drop:
        decoded.pop(one, None), used.pop(one, None)
    for video in videos:
        steps = {"dump_frames": decoded, "extract_features": used}
        steps["probe_video"] = {"stream": stream}
        with new_h5(Path(results, f"features/{video}.h5"), {"steps": steps, "network": made or {}}):
            pass


def contents(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
