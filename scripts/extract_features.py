"""Adapter of rule extract_features."""

from chronovision.features import extract_features
from chronovision.job import logged_job

with logged_job(snakemake.log[0]):
    extract_features(
        snakemake.input.frames, snakemake.input.weights, snakemake.input.facts, snakemake.output[0],
        network=snakemake.params.network, seed=snakemake.params.seed, threads=snakemake.threads,
    )  # fmt: skip
