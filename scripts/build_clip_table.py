"""Adapter of rule build_clip_table."""

from chronovision.clips import build_clip_table
from chronovision.job import logged_job
from chronovision.labels import by_stem

with logged_job(snakemake.log[0]):
    build_clip_table(
        *(by_stem(snakemake.input.changes), by_stem(snakemake.input.pixels)),
        snakemake.input.get("ranges"),
        *(snakemake.output.table, snakemake.output.controls),
        **dict(snakemake.wildcards.items()),
        **{key: snakemake.params[key] for key in ("groups", "thresholds", "clips", "seed")},
    )
