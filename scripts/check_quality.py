"""Adapter of rule check_quality."""

from chronovision.job import logged_job
from chronovision.quality import check_quality

with logged_job(snakemake.log[0]):
    check_quality(
        snakemake.input.features,
        snakemake.input.pixels,
        dict(zip(snakemake.params.metrics, snakemake.input.changes, strict=True)),
        dict(zip(snakemake.params.metrics, snakemake.input.dynamic)),
        dict(zip(snakemake.params.metrics, snakemake.input.ranges)),
        snakemake.output.table,
        thresholds=snakemake.params.settings,
    )
