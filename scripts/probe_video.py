"""Adapter of rule probe_video."""

from chronovision.jobs.log import logged_job
from chronovision.videos.probe import probe_video

with logged_job(snakemake.log[0]):
    probe_video(snakemake.params.path, snakemake.output.info, stream=snakemake.params.stream)
