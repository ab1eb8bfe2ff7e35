"""What the overview of a set shows of its clips and of the durations predicted from them."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from chronovision.core.keys import VariantPaths
from chronovision.core.labels import variant_label
from chronovision.core.provenance import read_provenance
from chronovision.core.tables import read_table
from chronovision.duration.clip_design import left_out
from chronovision.report.score_tables import applied_table, score_table


def duration_section(
    clips: VariantPaths, scores: VariantPaths, applied: str | PathLike | None
) -> dict[str, Any]:
    """Clips, scores, and why there are none where there are none.

    Parameters
    ----------
    clips : variant -> clip table. All that have rows are of the same clips.
    scores : variant -> table of scores; empty if no fit was asked for.
    applied : scores of a model of another set, if one was asked for.

    Returns
    -------
    dict with ``design`` (None without clips) and ``left_out``, see
    `chronovision.duration.clip_design`; ``no_clips``, ``no_fit`` and ``no_pixels`` (the control of
    pixel changes): each reason why there are none, with ``reason``, ``remedy`` (a sentence) and
    ``variants`` (in words; empty if it holds for all); ``not_applied``, the same or None;
    ``fitted``, the variants that have scores, in words; ``scores`` and ``applied``, arranged by
    `chronovision.report.score_tables`; ``blank``, the figures of the set that only say why they are
    empty.
    """
    no_clips, no_fit = (_why(tables, "why_empty") for tables in (clips, scores))
    designs = (read_provenance(path).get("design") for path in clips.values())
    design = next(filter(None, designs), None)
    not_applied = (
        next(iter(_group(_why({"applied": applied}, "why_empty"))), None) if applied else None
    )
    blank = [f"counts_vs_duration.{variant}" for variant, why in no_clips.items() if why]
    blank += [f"predicted_vs_real.{variant}" for variant, why in no_fit.items() if why]
    return {
        "design": design,
        "left_out": left_out(design) if design else [],
        "no_clips": _group(no_clips),
        "no_fit": _group(no_fit),
        "no_pixels": _group(_why(clips, "why_no_pixel_count")) if scores else [],
        "not_applied": not_applied,
        "fitted": [variant_label(variant) for variant, why in no_fit.items() if not why],
        "scores": [
            score_table(variant, read_table(scores[variant]))
            for variant, why in no_fit.items()
            if not why
        ],
        "applied": applied_table(read_table(applied)) if applied and not not_applied else None,
        "blank": blank,
    }


def _why(tables: Mapping[Any, str | PathLike], key: str) -> dict[Any, Mapping[str, str] | None]:
    """What the provenance of each table says under `key`; None if nothing."""
    return {variant: read_provenance(path).get(key) for variant, path in tables.items()}


def _group(missing: Mapping[Any, Mapping[str, str] | None]) -> list[dict]:
    """Each reason once, with the metrics and thresholds that it is of."""
    reasons = {why["reason"]: why for why in missing.values() if why}
    grouped = []
    for reason, why in reasons.items():
        variants = [name for name, one in missing.items() if one and one["reason"] == reason]
        remedy = f"{why['remedy'][:1].upper()}{why['remedy'][1:]}."
        labels = [*map(variant_label, variants)] if len(variants) < len(missing) else []
        grouped.append({"reason": reason, "remedy": remedy, "variants": labels})
    return grouped
