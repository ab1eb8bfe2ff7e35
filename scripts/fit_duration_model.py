"""Adapter of rule fit_duration_model."""

from chronovision.duration.model import fit_duration_model
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    fit_duration_model(
        clips=snakemake.input.clips,
        controls=snakemake.input.controls,
        duration=snakemake.params.duration,
        metric=snakemake.wildcards.metric,
        threshold=snakemake.wildcards.threshold,
        predictions=snakemake.output.predictions,
        scores=snakemake.output.scores,
        model=snakemake.output.model,
    )
