"""Adapter of rule build_clip_table."""

from chronovision.core.keys import by_stem
from chronovision.duration.clips import build_clip_table
from chronovision.jobs.log import logged_job

with logged_job(snakemake.log[0]):
    build_clip_table(
        changes=by_stem(snakemake.input.changes),
        pixels=by_stem(snakemake.input.pixels),
        ranges=snakemake.input.get("ranges") or None,
        groups=snakemake.params.groups,
        metric=snakemake.wildcards.metric,
        threshold=snakemake.wildcards.threshold,
        thresholds=snakemake.params.thresholds,
        clips=snakemake.params.clips,
        seed=snakemake.params.seed,
        table=snakemake.output.table,
        controls=snakemake.output.controls,
    )
