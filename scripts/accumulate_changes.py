"""Adapter of rule accumulate_changes."""

from chronovision.core.keys import by_metric, by_stem
from chronovision.jobs.log import logged_job
from chronovision.salience.accumulators import accumulate_changes

with logged_job(snakemake.log[0]):
    accumulate_changes(
        changes=by_metric(snakemake.input.changes),
        ranges=by_stem(snakemake.input.ranges),
        video=snakemake.wildcards.video,
        threshold=snakemake.wildcards.threshold,
        thresholds=snakemake.params.thresholds,
        seed=snakemake.params.seed,
        tables=by_metric(snakemake.output.tables),
    )
