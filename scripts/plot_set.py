"""Adapter of rule plot_set."""

from chronovision.core.keys import by_folder, by_stem
from chronovision.figures.set import plot_set
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    plot_set(
        by_stem(snakemake.output),
        summary=snakemake.input.summary,
        clips=by_stem(snakemake.input.clips),
        predictions=by_folder(snakemake.input.get("predictions", [])),
    )
