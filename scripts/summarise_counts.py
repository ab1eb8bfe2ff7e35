"""Adapter of rule summarise_counts."""

from chronovision.jobs.log import logged_job
from chronovision.salience.counts import summarise_counts

with logged_job(snakemake.log[0]):
    summarise_counts(
        dict(zip(map(tuple, snakemake.params.series), snakemake.input.accumulators, strict=True)),
        snakemake.output.table,
    )
