"""Adapter of rule describe_frames."""

from chronovision.confounds.pixels import describe_frames
from chronovision.jobs.log import logged_job
from chronovision.videos.span import Span

with logged_job(snakemake.log[0]):
    describe_frames(
        info_path=snakemake.input.info,
        video=snakemake.wildcards.video,
        frames=snakemake.params.frames,
        span=Span(*snakemake.params.span),
        table=snakemake.output.table,
        thumbnails=snakemake.output.thumbnails,
    )
