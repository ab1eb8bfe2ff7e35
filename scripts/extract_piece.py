"""Adapter of rule extract_piece."""

from chronovision.features.extraction import extract_features
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    extract_features(
        frames=snakemake.input.frames,
        weights=snakemake.input.weights,
        facts=snakemake.input.facts,
        network=snakemake.config["network"],
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        window=snakemake.params.window,
        locks=snakemake.params.locks,
        features=snakemake.output.features,
    )
