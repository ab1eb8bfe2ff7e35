"""Adapter of rule extract_features."""

from chronovision.features import extract_features
from chronovision.job import logged_job

MACHINE = {key: snakemake.config["network"][key] for key in ("device", "batch_size")}

with logged_job(snakemake.log[0]):
    extract_features(
        *(snakemake.input.frames, snakemake.input.weights, snakemake.input.facts),
        snakemake.output.features,
        network={**snakemake.params.network, **MACHINE},
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
