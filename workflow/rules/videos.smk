# REQUIRED INPUTS: the files that the table of videos names; weights, before frames are decoded.
# OUTPUTS: videos/{video}.json, frames/{video}.h5 (temporary), images/{video}/ on request.


rule probe_video:
    """Probe the file: streams, times, geometry, SHA-256.

    Only a stream whose packets do not tell the times of its frames is decoded for them.
    """
    input:
        video=video_file,
    output:
        info="<results>/videos/{video}.json",
    log:
        "<results>/logs/probe_video/{video}.log",
    benchmark:
        "<results>/benchmarks/probe_video/{video}.tsv"
    # As a checkpoint it must have run for all videos before Snakemake deletes any frames.
    priority: 2
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("probe_video"),
        runtime=stage_minutes("probe_video"),
    params:
        path=video_path,
        # Snakemake goes by times, and sees no older file in the place of a newer one.
        contents=lambda wildcards: sampled_hash(VIDEOS[wildcards.video].path),
        stream=lambda wildcards: VIDEOS[wildcards.video].stream,
        code=code_digest("probe_video"),
    message:
        "{wildcards.video}: reading the file's streams and times"
    script:
        "../../scripts/probe_video.py"


if config["features"]["chunk_minutes"] is not None:
    # How many pieces a video has is known once it has been probed. Only then: after each checkpoint
    # Snakemake plans the whole set anew, and has no syntax for one on a condition.
    checkpoints.register(workflow.get_rule("probe_video"))
    workflow.get_rule("probe_video").is_checkpoint = True


rule dump_frames:
    """Decode the frames to be analysed, as the network will see them, with their exact times."""
    input:
        info="<results>/videos/{video}.json",
        video=video_file,
        # Not read here, but frames that are made before weights fail would be newer than the
        # features, and make them stale when the config goes back to weights that there are.
        weights=ancient(f"<results>/weights/{WEIGHTS}.json"),
    output:
        frames=temp("<results>/frames/{video}.h5"),
    log:
        "<results>/logs/dump_frames/{video}.log",
    benchmark:
        "<results>/benchmarks/dump_frames/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        frame_stores=gpus,
        mem_mb=stage_mb("dump_frames"),
        runtime=stage_minutes("dump_frames"),
    params:
        frames=decoding_settings(config),
        span=span,
        strict=lookup(within=config, dpath="strict"),
        code=code_digest("dump_frames"),
    message:
        "{wildcards.video}: decoding frames"
    script:
        "../../scripts/dump_frames.py"


rule export_images:
    """Write the individual frames, as the network sees them, as images."""
    input:
        info="<results>/videos/{video}.json",
        video=video_file,
    output:
        folder=directory("<results>/images/{video}"),
    log:
        "<results>/logs/export_images/{video}.log",
    benchmark:
        "<results>/benchmarks/export_images/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("export_images"),
        runtime=stage_minutes("export_images"),
    params:
        frames=decoding_settings(config),
        format=lookup(within=config, dpath="frames/images"),
        span=span,
        code=code_digest("export_images"),
    message:
        "{wildcards.video}: exporting images"
    script:
        "../../scripts/export_images.py"
