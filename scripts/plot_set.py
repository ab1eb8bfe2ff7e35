"""Adapter of rule plot_set."""

from chronovision.core.keys import by_folder, by_stem
from chronovision.jobs.log import logged_job
from chronovision.set_figures import plot_set

with logged_job(snakemake.log[0]):
    plot_set(
        by_stem(snakemake.output),
        summary=snakemake.input.summary,
        clips=by_stem(snakemake.input.clips),
        predictions=by_folder(snakemake.input.get("predictions", [])),
    )
