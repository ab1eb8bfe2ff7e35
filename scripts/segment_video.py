"""Adapter of rule segment_video."""

from chronovision.core.keys import by_metric
from chronovision.jobs.log import logged_job
from chronovision.segmentation.segments import segment_video

with logged_job(snakemake.log[0]):
    segment_video(
        accumulators=by_metric(snakemake.input.accumulators),
        changes=by_metric(snakemake.input.changes),
        segments=snakemake.params.segments,
        tables=by_metric(snakemake.output.tables),
    )
