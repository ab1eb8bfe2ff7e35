"""Adapter of rule dump_frames."""

from chronovision.jobs.log import logged_job
from chronovision.videos.frames import dump_frames
from chronovision.videos.span import Span

with logged_job(snakemake.log[0]):
    dump_frames(
        info_path=snakemake.input.info,
        video=snakemake.wildcards.video,
        frames=snakemake.params.frames,
        span=Span(*snakemake.params.span),
        strict=snakemake.params.strict,
        output=snakemake.output.frames,
    )
