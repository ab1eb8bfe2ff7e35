# REQUIRED INPUTS: changes/{metric}/{video}.tsv.
# OUTPUTS: accumulators/{metric}.{threshold}/{video}.tsv and accumulators/summary.tsv,
# segments/{metric}.{threshold}/{video}.tsv, quality/{video}.tsv; ranges/{metric}.tsv if
# thresholds belong to the set.


rule pool_ranges:
    """Least and greatest change over all videos, for thresholds that hold for the whole set."""
    input:
        changes=collect("<results>/changes/{{metric}}/{video}.tsv", video=VIDEOS),
    output:
        multiext("<results>/ranges/{metric}", table=".tsv", about=".json"),
    log:
        "<results>/logs/pool_ranges/{metric}.log",
    benchmark:
        "<results>/benchmarks/pool_ranges/{metric}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        settings=range_settings(),
        code=digest("pool_ranges"),
    message:
        "pooling the ranges of {wildcards.metric} changes"
    script:
        "../../scripts/pool_ranges.py"


rule accumulate_changes:
    """Count salient changes by one threshold, layer by layer, for every metric.

    One job for all metrics, as to start one takes seconds, a scheduler's more. Each threshold has
    its own, although that starts one more: settings of the dynamic one repeat nothing of the other.
    """
    input:
        changes=of_metrics("<results>/changes/{metric}/{video}.tsv"),
        ranges=of_scope(of_metrics("<results>/ranges/{metric}.tsv")),
    output:
        tables=of_metrics("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        about=of_metrics("<results>/accumulators/{metric}.{threshold}/{video}.json"),
    log:
        "<results>/logs/accumulate_changes/{threshold}.{video}.log",
    benchmark:
        "<results>/benchmarks/accumulate_changes/{threshold}.{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("accumulate_changes"),
        runtime=stage_minutes("accumulate_changes"),
    params:
        settings=threshold_settings,
        seed=noise_seed,
        code=digest("accumulate_changes"),
    message:
        "{wildcards.video}: counting salient changes, {wildcards.threshold} threshold"
    script:
        "../../scripts/accumulate_changes.py"


rule summarise_counts:
    """Gather the counts of all videos, metrics and thresholds in one table."""
    input:
        accumulators=collect(
            "<results>/accumulators/{metric}.{threshold}/{video}.tsv",
            video=VIDEOS,
            metric=METRICS,
            threshold=THRESHOLDS,
        ),
    output:
        multiext("<results>/accumulators/summary", table=".tsv", about=".json"),
    log:
        "<results>/logs/summarise_counts.log",
    benchmark:
        "<results>/benchmarks/summarise_counts.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        series=[[v, m, t] for v in VIDEOS for m in METRICS for t in THRESHOLDS],
        code=digest("summarise_counts"),
    message:
        "gathering the counts of all videos"
    script:
        "../../scripts/summarise_counts.py"


rule segment_video:
    """Divide the video, for every metric, where most layers change saliently by one threshold.

    A job for each threshold, for the same reason as accumulate_changes.
    """
    input:
        accumulators=of_metrics("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        changes=of_metrics("<results>/changes/{metric}/{video}.tsv"),
    output:
        tables=of_metrics("<results>/segments/{metric}.{threshold}/{video}.tsv"),
        about=of_metrics("<results>/segments/{metric}.{threshold}/{video}.json"),
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
        settings=lookup(within=config, dpath="segments"),
        code=digest("segment_video"),
    message:
        "{wildcards.video}: segmenting, {wildcards.threshold} threshold"
    script:
        "../../scripts/segment_video.py"


rule check_quality:
    """Note what a reader should know of the video before believing its numbers."""
    input:
        features="<results>/features/{video}.h5",
        pixels="<results>/pixels/{video}.tsv",
        changes=of_metrics("<results>/changes/{metric}/{video}.tsv"),
        dynamic=branch(
            "dynamic" in THRESHOLDS,
            then=of_metrics("<results>/accumulators/{metric}.dynamic/{video}.tsv"),
            otherwise=[],
        ),
        ranges=of_scope(of_metrics("<results>/ranges/{metric}.tsv")),
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
        settings=range_settings(),
        code=digest("check_quality"),
    message:
        "{wildcards.video}: checking quality"
    script:
        "../../scripts/check_quality.py"
