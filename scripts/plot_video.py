"""Adapter of rule plot_video."""

from chronovision.figures import VideoResults, plot_video
from chronovision.job import logged_job
from chronovision.labels import by_folder, by_stem

with logged_job(snakemake.log[0]):
    results = VideoResults(
        video=snakemake.wildcards.video,
        features=snakemake.input.features,
        thumbnails=snakemake.input.thumbnails,
        changes=by_folder(snakemake.input.changes),
        accumulators=by_folder(snakemake.input.accumulators),
        segments=by_folder(snakemake.input.segments),
    )
    plot_video(by_stem(snakemake.output), results)
