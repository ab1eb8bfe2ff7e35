"""Adapter of rule render_page."""

from chronovision.jobs.log import logged_job
from chronovision.report.video_page import PageInputs, render_page

with logged_job(snakemake.log[0]):
    files = dict(snakemake.input.items())
    inputs = PageInputs.from_files(snakemake.wildcards.video, files)
    render_page(inputs=inputs, page=snakemake.output.page)
