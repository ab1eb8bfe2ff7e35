"""Adapter of rule fit_duration_model."""

from chronovision.duration.model import fit_duration_model
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    fit_duration_model(
        *(snakemake.input.clips, snakemake.input.controls),
        *(snakemake.output.predictions, snakemake.output.scores, snakemake.output.model),
        duration=snakemake.params.duration,
        metric=snakemake.wildcards.metric,
        threshold=snakemake.wildcards.threshold,
    )
