"""Adapter of rule render_report."""

from chronovision.jobs.log import logged_job
from chronovision.report.set_page import SetInputs, render_report

with logged_job(snakemake.log[0]):
    files, params = dict(snakemake.input.items()), snakemake.params
    render_report(
        inputs=SetInputs.from_files(files, params.groups, params.scenes),
        config=params.config,
        index=snakemake.output.index,
        methods=snakemake.output.methods,
        references=snakemake.output.references,
        provenance=snakemake.output.provenance,
    )
