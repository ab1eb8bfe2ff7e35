"""Adapter of rule pool_ranges."""

from chronovision.core.keys import by_stem
from chronovision.jobs.log import logged_job
from chronovision.salience.thresholds import pool_ranges

with logged_job(snakemake.log[0]):
    pool_ranges(
        by_stem(snakemake.input.changes),
        snakemake.output.table,
        thresholds=snakemake.params.thresholds,
    )
