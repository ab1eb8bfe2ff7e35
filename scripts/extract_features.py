"""Adapter of rule extract_features."""

from chronovision.features.joining import join_pieces
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    if snakemake.input.pieces:
        join_pieces(snakemake.input.pieces, snakemake.output.features)
    else:
        from chronovision.features.extraction import extract_features

        files = [str(snakemake.input[name]) for name in ("frames", "weights", "facts")]
        options = {name: snakemake.params[name] for name in ("seed", "locks")}
        options |= {"network": snakemake.config["network"], "threads": snakemake.threads}
        extract_features(*files, snakemake.output.features, **options)
