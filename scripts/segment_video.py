"""Adapter of rule segment_video."""

from chronovision.core.keys import by_folder
from chronovision.jobs.log import logged_job
from chronovision.segmentation.segments import segment_video

with logged_job(snakemake.log[0]):
    accumulators = by_folder(snakemake.input.accumulators)
    changes = by_folder(snakemake.input.changes)
    for kind, table in by_folder(snakemake.output.tables).items():
        metric = kind.split(".")[0]
        segment_video(
            accumulators[kind], changes[metric], table, segments=snakemake.params.segments
        )
