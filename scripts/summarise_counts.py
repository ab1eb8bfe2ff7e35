"""Adapter of rule summarise_counts."""

from chronovision.core.keys import by_variant_and_video
from chronovision.jobs.log import logged_job
from chronovision.salience.counts import summarise_counts

with logged_job(snakemake.log[0]):
    summarise_counts(
        accumulators=by_variant_and_video(snakemake.input.accumulators),
        table=snakemake.output.table,
    )
