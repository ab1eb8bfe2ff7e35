"""Adapter of rule extract_piece."""

from chronovision.features import extract_features
from chronovision.job import logged_job

with logged_job(snakemake.log[0]):
    extract_features(
        *(*snakemake.input, snakemake.output.features),
        **{"network": snakemake.config["network"], "threads": snakemake.threads},
        **{name: snakemake.params[name] for name in ("seed", "window", "locks")},
    )
