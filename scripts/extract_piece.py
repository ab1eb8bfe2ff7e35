"""Adapter of rule extract_piece."""

from chronovision.features.extraction import extract_features
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    files = [snakemake.input[name] for name in ("frames", "weights", "facts")]
    options = {name: snakemake.params[name] for name in ("seed", "window", "locks")}
    options |= {"network": snakemake.config["network"], "threads": snakemake.threads}
    extract_features(*files, snakemake.output.features, **options)
