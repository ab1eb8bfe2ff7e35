"""Adapter of rule plot_video."""

from chronovision.core.keys import by_stem
from chronovision.figures.video import VideoResults, plot_video
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    files = dict(snakemake.input.items())
    results = VideoResults.from_files(snakemake.wildcards.video, files)
    plot_video(results=results, figures=by_stem(snakemake.output))
