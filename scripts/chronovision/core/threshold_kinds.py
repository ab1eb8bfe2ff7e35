"""The kinds of threshold: a registry of their names, labels and sentences.

What a kind does, and with which settings (``thresholds.dynamic``), stands in the room `salience`:
an entry here does not make a third kind. Jobs that count do not read this registry, so that a
reworded sentence counts nothing again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chronovision.core.prose import join_words
from chronovision.core.time_constant import TimeConstant


@dataclass(frozen=True)
class ThresholdKind:
    """A kind of threshold that the config can name in ``thresholds.kinds``.

    Attributes
    ----------
    name : str
        Name in the config, in paths and in tables.
    label : str
        Name in prose.
    sentence : callable
        Function from the config's ``thresholds`` to the sentences of a methods section.
    """

    name: str
    label: str
    sentence: Callable[[Mapping], str]


def _static(_thresholds: Mapping) -> str:
    return "Static threshold: a change is salient if it exceeds (Fmax + Fmin)/2."


def _dynamic(thresholds: Mapping) -> str:
    dynamic = thresholds["dynamic"]
    if dynamic["tmax"] is None:
        scale = dynamic["tmax_scale"]
        tmax = "(Fmax + Fmin)/2" if scale == 1 else f"{scale:g}·(Fmax + Fmin)/2"
    else:
        tmax = _per_layer(dynamic["tmax"])
    tmin = "Fmin" if dynamic["tmin"] == "min" else _per_layer(dynamic["tmin"])
    tau = TimeConstant.of(dynamic)
    if tau.in_frames:
        decay = "(Tmax − Tmin)/τ·exp(−D/τ)"
        clock = "D being the number of frames since the last reset, or since the first change"
    else:
        decay = "(Tmax − Tmin)·exp(−a/τ)·(1 − exp(−Δt/τ))"
        clock = (
            "Δt being the time from frame to frame and a the time that had passed before it since "
            "the last reset, or since the first frame"
        )
    text = (
        "Dynamic threshold [@roseboom2019]: T starts at Tmax and is stepped at each frame, "
        f"T ← T − {decay}{_noise(dynamic['noise_divisor'], tau)}, {clock}; a change of at "
        f"least T is salient and resets T to Tmax. Tmax = {tmax}, Tmin = {tmin}, τ = {tau}."
    )
    return text + (" T was kept within [Tmin, Tmax]." if dynamic["bounded"] else "")


def _noise(divisor: float | None, tau: TimeConstant) -> str:
    if divisor is None:
        return ""
    scale = "" if tau.in_frames else "·√(30 s⁻¹·Δt)"
    return f" + ξ with ξ normal of mean 0 and s.d. (Tmax − Tmin)/{divisor:g}{scale}"


def _per_layer(value: float | Mapping[str, float]) -> str:
    if isinstance(value, Mapping):
        return join_words(f"{number:g} ({layer})" for layer, number in value.items())
    return f"{value:g}"


#: The kinds of threshold by name.
THRESHOLD_KINDS: dict[str, ThresholdKind] = {
    kind.name: kind
    for kind in (
        ThresholdKind("static", "static threshold", _static),
        ThresholdKind("dynamic", "dynamic threshold", _dynamic),
    )
}
