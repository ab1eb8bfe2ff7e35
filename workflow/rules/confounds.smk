# REQUIRED INPUTS: the files that the table of videos names, videos/{video}.json.
# OUTPUTS: pixels/{video}.tsv with thumbnails: what can be said of frames without a network, so that
# what the network says can be held against it.


rule describe_frames:
    """Brightness, pixel change and duplicates of every frame, and thumbnails.

    The video is decoded again for this: frames/ has one reader, so that making it anew for
    one purpose never makes the work of another stale.
    """
    input:
        info="<results>/videos/{video}.json",
        video=video_file,
    output:
        multiext(
            "<results>/pixels/{video}", table=".tsv", about=".json", thumbnails=".thumbnails.h5"
        ),
    log:
        "<results>/logs/describe_frames/{video}.log",
    benchmark:
        "<results>/benchmarks/describe_frames/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("describe_frames"),
        runtime=stage_minutes("describe_frames"),
    params:
        frames=decoding_settings(config),
        span=span,
        code=code_digest("describe_frames"),
    message:
        "{wildcards.video}: describing frames"
    script:
        "../../scripts/describe_frames.py"
