"""Adapter of rule segment_video."""

from chronovision.job import logged_job
from chronovision.segments import segment_video

with logged_job(snakemake.log[0]):
    segment_video(
        snakemake.input.accumulators,
        snakemake.input.changes,
        snakemake.output.table,
        settings=snakemake.params.settings,
    )
