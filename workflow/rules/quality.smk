# REQUIRED INPUTS: features/{video}.h5, pixels, changes and accumulators of the video.
# OUTPUTS: quality/{video}.tsv.


rule check_quality:
    """Note what a reader should know of the video before believing its numbers."""
    input:
        features="<results>/features/{video}.h5",
        pixels="<results>/pixels/{video}.tsv",
        changes=per_metric("<results>/changes/{metric}/{video}.tsv"),
        dynamic=branch(
            "dynamic" in THRESHOLDS,
            then=per_metric("<results>/accumulators/{metric}.dynamic/{video}.tsv"),
            otherwise=[],
        ),
        ranges=if_set_scope(per_metric("<results>/ranges/{metric}.tsv")),
    output:
        multiext("<results>/quality/{video}", table=".tsv", about=".json"),
    log:
        "<results>/logs/check_quality/{video}.log",
    benchmark:
        "<results>/benchmarks/check_quality/{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("check_quality"),
        runtime=stage_minutes("check_quality"),
    params:
        thresholds=range_settings(config),
        code=code_digest("check_quality"),
    message:
        "{wildcards.video}: checking quality"
    script:
        "../../scripts/check_quality.py"
