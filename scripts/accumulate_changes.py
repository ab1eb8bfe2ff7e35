"""Adapter of rule accumulate_changes."""

from chronovision.accumulators import accumulate_changes
from chronovision.job import logged_job

with logged_job(snakemake.log[0]):
    accumulate_changes(
        snakemake.input.changes,
        snakemake.input.get("ranges") or None,
        snakemake.output.table,
        video=snakemake.wildcards.video,
        kind=snakemake.wildcards.threshold,
        settings=snakemake.params.settings,
        seed=snakemake.params.seed,
    )
