"""Adapter of rule check_quality."""

from chronovision.core.keys import by_metric, by_stem
from chronovision.jobs.log import logged_job
from chronovision.quality.notes import check_quality

with logged_job(snakemake.log[0]):
    check_quality(
        features=snakemake.input.features,
        pixels=snakemake.input.pixels,
        changes=by_metric(snakemake.input.changes),
        dynamic=by_metric(snakemake.input.dynamic),
        ranges=by_stem(snakemake.input.ranges),
        thresholds=snakemake.params.thresholds,
        table=snakemake.output.table,
    )
