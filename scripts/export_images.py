"""Adapter of rule export_images."""

from chronovision.jobs.log import logged_job
from chronovision.videos.images import export_images
from chronovision.videos.span import Span

with logged_job(snakemake.log[0]):
    export_images(
        info_path=snakemake.input.info,
        frames=snakemake.params.frames,
        span=Span(*snakemake.params.span),
        suffix=snakemake.params.format or "jpg",
        folder=snakemake.output.folder,
    )
