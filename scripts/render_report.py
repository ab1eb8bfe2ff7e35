"""Adapter of rule render_report."""

from chronovision.jobs.log import logged_job
from chronovision.report.set_page import SetInputs, render_report, write_set_provenance

with logged_job(snakemake.log[0]):
    files, params, out = dict(snakemake.input.items()), snakemake.params, snakemake.output
    inputs = SetInputs.from_files(files, params.groups, params.scenes)
    render_report(out.index, out.methods, out.references, inputs=inputs, config=params.config)
    write_set_provenance(out.provenance, inputs, params.config)
