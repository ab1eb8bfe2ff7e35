"""Adapter of rule extract_features."""

from chronovision.features import extract_features
from chronovision.job import logged_job
from chronovision.joining import join_pieces

with logged_job(snakemake.log[0]):
    if snakemake.input.pieces:
        join_pieces(snakemake.input.pieces, snakemake.output.features)
    else:
        extract_features(
            *(*snakemake.input, snakemake.output.features),
            **{"network": snakemake.config["network"], "threads": snakemake.threads},
            **{name: snakemake.params[name] for name in ("seed", "locks")},
        )
