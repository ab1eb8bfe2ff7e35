"""Adapter of rule apply_duration_model."""

from chronovision.core.keys import by_variant_stem
from chronovision.duration.apply import apply_duration_model
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    apply_duration_model(
        model=snakemake.input.model,
        clips=by_variant_stem(snakemake.input.clips),
        predictions=snakemake.output.predictions,
        scores=snakemake.output.scores,
    )
