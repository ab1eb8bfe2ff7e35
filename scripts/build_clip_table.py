"""Adapter of rule build_clip_table."""

from chronovision.duration.clips import build_clip_table
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    build_clip_table(
        dict(zip(snakemake.params.groups, snakemake.input.changes, strict=True)),
        dict(zip(snakemake.params.groups, snakemake.input.pixels, strict=True)),
        snakemake.input.get("ranges") or None,
        *(snakemake.output.table, snakemake.output.controls),
        **dict(snakemake.wildcards.items()),
        **{key: snakemake.params[key] for key in ("groups", "thresholds", "clips", "seed")},
    )
