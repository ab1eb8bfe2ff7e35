"""Adapter of rule check_quality."""

from chronovision.core.keys import by_folder, by_stem, by_variant_folder
from chronovision.jobs.log import logged_job
from chronovision.quality.notes import check_quality

with logged_job(snakemake.log[0]):
    check_quality(
        *(snakemake.input.features, snakemake.input.pixels, by_folder(snakemake.input.changes)),
        by_variant_folder(snakemake.input.dynamic),
        by_stem(snakemake.input.ranges),
        snakemake.output.table,
        thresholds=snakemake.params.thresholds,
    )
