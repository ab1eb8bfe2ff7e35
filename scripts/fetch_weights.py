"""Adapter of rule fetch_weights."""

from chronovision.features.weights import fetch_weights
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    fetch_weights(
        snakemake.config["network"],
        snakemake.config["seed"],
        snakemake.output.weights,
        snakemake.output.facts,
    )
