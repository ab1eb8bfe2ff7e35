"""What the overview of a set shows of its clips and of the durations predicted from them."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from chronovision.core.metrics import kind_label
from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.duration.clip_design import left_out
from chronovision.report.score_tables import applied_table, score_table

Paths = Mapping[str, str | PathLike]


def duration_section(clips: Paths, scores: Paths, applied: str | PathLike | None) -> dict[str, Any]:
    """Clips, scores, and why there are none where there are none.

    Parameters
    ----------
    clips : ``metric.threshold`` -> clip table. All that have rows are of the same clips.
    scores : ``metric.threshold`` -> table of scores; empty if no fit was asked for.
    applied : scores of a model of another set, if one was asked for.

    Returns
    -------
    dict with ``design`` (None without clips) and ``left_out``, see
    `chronovision.duration.clip_design`; ``no_clips``, ``no_fit`` and ``no_pixels`` (the control of
    pixel changes): each reason why there are none, with ``reason``, ``remedy`` (a sentence) and
    ``kinds`` (in words; empty if it holds for all); ``not_applied``, the same or None; ``fitted``,
    the metrics and thresholds that have scores, in words; ``scores`` and ``applied``, arranged by
    `chronovision.report.score_tables`; ``blank``, the figures of the set that only say why they are
    empty.
    """
    no_clips, no_fit = (_why(tables, "why_empty") for tables in (clips, scores))
    designs = (read_provenance(path).get("design") for path in clips.values())
    design = next(filter(None, designs), None)
    not_applied = (
        next(iter(_group(_why({"applied": applied}, "why_empty"))), None) if applied else None
    )
    blank = [f"counts_vs_duration.{kind}" for kind, why in no_clips.items() if why]
    blank += [f"predicted_vs_real.{kind}" for kind, why in no_fit.items() if why]
    return {
        "design": design,
        "left_out": left_out(design) if design else [],
        "no_clips": _group(no_clips),
        "no_fit": _group(no_fit),
        "no_pixels": _group(_why(clips, "why_no_pixel_count")) if scores else [],
        "not_applied": not_applied,
        "fitted": [kind_label(kind) for kind, why in no_fit.items() if not why],
        "scores": [
            score_table(kind, read_table(scores[kind])) for kind, why in no_fit.items() if not why
        ],
        "applied": applied_table(read_table(applied)) if applied and not not_applied else None,
        "blank": blank,
    }


def _why(tables: Paths, key: str) -> dict[str, Mapping[str, str] | None]:
    """What the provenance of each table says under `key`; None if nothing."""
    return {kind: read_provenance(path).get(key) for kind, path in tables.items()}


def _group(missing: Mapping[str, Mapping[str, str] | None]) -> list[dict]:
    """Each reason once, with the metrics and thresholds that it is of."""
    reasons = {why["reason"]: why for why in missing.values() if why}
    grouped = []
    for reason, why in reasons.items():
        kinds = [kind for kind, one in missing.items() if one and one["reason"] == reason]
        remedy = f"{why['remedy'][:1].upper()}{why['remedy'][1:]}."
        labels = [kind_label(kind) for kind in kinds] if len(kinds) < len(missing) else []
        grouped.append({"reason": reason, "remedy": remedy, "kinds": labels})
    return grouped
