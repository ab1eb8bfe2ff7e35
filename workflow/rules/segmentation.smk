# REQUIRED INPUTS: changes/{metric}/{video}.tsv, accumulators/{metric}.{threshold}/{video}.tsv.
# OUTPUTS: segments/{metric}.{threshold}/{video}.tsv.


rule segment_video:
    """Event segmentation: divide the video, for every metric, where most layers change saliently.

    A job for each threshold, for the same reason as accumulate_changes.
    """
    input:
        accumulators=per_metric("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        changes=per_metric("<results>/changes/{metric}/{video}.tsv"),
    output:
        tables=per_metric("<results>/segments/{metric}.{threshold}/{video}.tsv"),
        about=per_metric("<results>/segments/{metric}.{threshold}/{video}.json"),
    log:
        "<results>/logs/segment_video/{threshold}.{video}.log",
    benchmark:
        "<results>/benchmarks/segment_video/{threshold}.{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("segment_video"),
        runtime=stage_minutes("segment_video"),
    params:
        segments=lookup(within=config, dpath="segments"),
        code=code_digest("segment_video"),
    message:
        "{wildcards.video}: segmenting, {wildcards.threshold} threshold"
    script:
        "../../scripts/segment_video.py"
