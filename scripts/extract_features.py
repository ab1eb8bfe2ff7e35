"""Adapter of rule extract_features."""

from chronovision.features.joining import join_pieces
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    if snakemake.input.pieces:
        join_pieces(snakemake.input.pieces, snakemake.output.features)
    else:
        from chronovision.features.extraction import extract_features

        extract_features(
            frames=snakemake.input.frames[0],
            weights=snakemake.input.weights,
            facts=snakemake.input.facts,
            network=snakemake.config["network"],
            seed=snakemake.params.seed,
            threads=snakemake.threads,
            locks=snakemake.params.locks,
            features=snakemake.output.features,
        )
