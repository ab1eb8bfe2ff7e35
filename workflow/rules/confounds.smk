# REQUIRED INPUTS: the files that the table of videos names, videos/{video}.json.
# OUTPUTS: pixels/{video}.tsv with thumbnails: low-level confounds, which need no network, so that
# the network's features can be compared with them.


rule describe_frames:
    """Brightness, pixel change and duplicates of every frame, and thumbnails.

    The video is decoded again for this. Only feature extraction reads frames/, so that decoding
    for one purpose never makes the outputs of another stale.
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
