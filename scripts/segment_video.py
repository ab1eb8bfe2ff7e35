"""Adapter of rule segment_video."""

from chronovision.core.keys import by_folder, by_variant_folder
from chronovision.jobs.log import logged_job
from chronovision.segmentation.segments import segment_video

with logged_job(snakemake.log[0]):
    accumulators = by_variant_folder(snakemake.input.accumulators)
    changes = by_folder(snakemake.input.changes)
    for variant, table in by_variant_folder(snakemake.output.tables).items():
        segment_video(
            accumulators[variant],
            changes[variant.metric],
            table,
            segments=snakemake.params.segments,
        )
