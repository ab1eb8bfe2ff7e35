"""Files of fitted duration models, and the description of the set that a model was fitted on.

The file is skops' (no pickle): a dict of plain values and scikit-learn regressions::

    regressions  {estimator: {control: fitted regression}}; control none is the model itself
    set          {key: value} of the set it was fitted on, as describe_set of
                 chronovision.duration.comparability gives it

Where no model could be fitted, both are empty, and ``why_empty`` says why.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before PyTorch is hidden below: while it is imported, it asks for PyTorch's tensors.
import scipy.stats  # noqa: F401

from chronovision.core.files import atomic_file
from chronovision.duration.comparability import NoFitError


@contextmanager
def _no_torch() -> Iterator[None]:
    """Let `import torch` fail, unless it is there already.

    skops imports all of scikit-learn to see what classes it has, and with it PyTorch: four
    seconds and 700 MB. Without PyTorch it finds the same classes.
    """
    absent = "torch" not in sys.modules
    if absent:
        sys.modules["torch"] = None  # type: ignore[assignment]  # Python takes it
    try:
        yield
    finally:
        if absent:
            del sys.modules["torch"]


with _no_torch():
    from skops.io import dump, get_untrusted_types, load

#: Packages that a model and its predictions depend on.
PACKAGES = ("numpy", "pandas", "scikit-learn", "skops")
#: Keys that the `set` of every model holds, of any version; see
#: `chronovision.duration.comparability.describe_set`.
ALWAYS_DESCRIBED = ("metric", "threshold", "thresholds.scope")


def save_model(path: str | os.PathLike, regressions: dict, described_set: dict) -> None:
    """Write a model; the module's docstring describes its content."""
    with atomic_file(path) as part:
        dump({"regressions": regressions, "set": described_set}, part)


def save_no_model(path: str | os.PathLike, why_empty: str) -> None:
    """Write the reason why there is no model in place of one."""
    with atomic_file(path) as part:
        dump({"regressions": {}, "set": {}, "why_empty": why_empty}, part)


def load_model(path: str | os.PathLike) -> dict:
    """Read a model without running any code from its file.

    Raises
    ------
    NoFitError
        There is no such file, or it is not a model of Chronovision or of an earlier version. It
        holds types that are not trusted, or no model, as none could be fitted.
    """
    named = f"{path} (duration.apply)"
    remedy = "name a model.skops that a fit has written, or set duration.apply: null"
    if not Path(path).is_file():
        raise NoFitError(f"there is no file {named}", remedy)
    not_a_model = f"{named} is not a duration model of Chronovision"
    model = _load_plain(path, not_a_model, remedy)
    if not isinstance(model, dict) or set(model) - {"why_empty"} != {"regressions", "set"}:
        raise NoFitError(not_a_model, remedy)
    if "why_empty" in model:
        why = f"{named} holds no model, as none could be fitted ({model['why_empty']})"
        raise NoFitError(why, remedy)
    if not _are_regressions(model["regressions"]):
        raise NoFitError(f"{not_a_model}, as it holds no regressions", remedy)
    about = model["set"]
    if missing := [
        key for key in ALWAYS_DESCRIBED if not isinstance(about, dict) or key not in about
    ]:
        raise NoFitError(f"{not_a_model}, as its set lacks {', '.join(missing)}", remedy)
    if not {"frames.step_s", "frame_intervals_s"} <= set(about):
        raise NoFitError(f"{named} is of an earlier version", "fit it again")
    return model


def _load_plain(path: str | os.PathLike, not_a_model: str, remedy: str) -> Any:
    """Return the plain values and known types that skops reads; NoFitError in skops' words."""
    try:
        untrusted = get_untrusted_types(file=path)
        if not untrusted:
            return load(path, trusted=[])
    except OSError:
        raise  # The disk's fault, and no word on what the file is.
    except Exception as error:
        # skops looks into the schema unchecked: a file that is no model may fail anywhere.
        words = " ".join(str(error).split()) or type(error).__name__
        raise NoFitError(f"{not_a_model} ({words})", remedy) from error
    types = ", ".join(untrusted)
    raise NoFitError(f"{not_a_model}, as it holds untrusted types ({types})", remedy)


def _are_regressions(regressions: Any) -> bool:
    """Return whether there is a model for each estimator, and all can predict."""
    return (
        isinstance(regressions, dict)
        and bool(regressions)
        and all(
            isinstance(controls, dict)
            and "none" in controls
            and all(hasattr(regression, "predict") for regression in controls.values())
            for controls in regressions.values()
        )
    )
