"""The section on clips and predicted durations in the overview of a set."""

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
    """Return the values of the section: clips, scores, and why there are none where there are none.

    Parameters
    ----------
    clips : mapping of Variant to path-like
        Variant -> clip table. All tables that have rows hold the same clips.
    scores : mapping of Variant to path-like
        Variant -> table of scores; empty if no fit was asked for.
    applied : path-like or None
        Scores of a model of another set, if one was asked for.

    Returns
    -------
    dict
        With the following keys:

        - ``design`` (None without clips) and ``left_out``: see `chronovision.duration.clip_design`
        - ``no_clips``, ``no_fit``, ``no_pixels``: reasons why there are no clips, no fit or no
          pixel control, each with ``reason``, ``remedy`` (a sentence) and ``variants`` (in words;
          empty if it holds for all)
        - ``not_applied``: the same for the model of another set, or None
        - ``fitted``: the variants that have scores, in words
        - ``scores``, ``applied``: tables of `chronovision.report.score_tables`
        - ``blank``: figures of the set that only say why they are empty
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
    """Return the value of `key` in the provenance of each table; None if it is not there."""
    return {variant: read_provenance(path).get(key) for variant, path in tables.items()}


def _group(missing: Mapping[Any, Mapping[str, str] | None]) -> list[dict]:
    """Return each reason once, with the variants that it holds for."""
    reasons = {why["reason"]: why for why in missing.values() if why}
    grouped = []
    for reason, why in reasons.items():
        variants = [name for name, one in missing.items() if one and one["reason"] == reason]
        remedy = f"{why['remedy'][:1].upper()}{why['remedy'][1:]}."
        labels = [*map(variant_label, variants)] if len(variants) < len(missing) else []
        grouped.append({"reason": reason, "remedy": remedy, "variants": labels})
    return grouped
