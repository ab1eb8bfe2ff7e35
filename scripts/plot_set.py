"""Adapter of rule plot_set."""

from chronovision.core.keys import by_stem, by_variant_folder, by_variant_stem
from chronovision.figures.set import plot_set
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    plot_set(
        summary=snakemake.input.summary,
        clips=by_variant_stem(snakemake.input.clips),
        predictions=by_variant_folder(snakemake.input.get("predictions", [])),
        figures=by_stem(snakemake.output),
    )
