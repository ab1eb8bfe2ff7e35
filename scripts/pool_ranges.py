"""Adapter of rule pool_ranges."""

from chronovision.job import logged_job
from chronovision.thresholds import pool_ranges

with logged_job(snakemake.log[0]):
    pool_ranges(
        dict(zip(snakemake.params.videos, snakemake.input.changes, strict=True)),
        snakemake.output.table,
        settings=snakemake.params.settings,
    )
