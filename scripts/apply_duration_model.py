"""Adapter of rule apply_duration_model."""

from chronovision.core.keys import by_variant_stem
from chronovision.duration.apply import apply_duration_model
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    apply_duration_model(
        snakemake.input.model,
        by_variant_stem(snakemake.input.clips),
        snakemake.output.predictions,
        snakemake.output.scores,
    )
