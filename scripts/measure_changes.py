"""Adapter of rule measure_changes."""

from chronovision.jobs.log import logged_job
from chronovision.salience.changes import measure_changes

with logged_job(snakemake.log[0]):
    measure_changes(
        snakemake.input.features, snakemake.output.table, metric=snakemake.wildcards.metric
    )
