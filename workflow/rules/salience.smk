# REQUIRED INPUTS: features/{video}.h5.
# OUTPUTS: changes/{metric}/{video}.tsv, accumulators/{metric}.{threshold}/{video}.tsv and
# accumulators/summary.tsv; ranges/{metric}.tsv if thresholds belong to the set.


rule measure_changes:
    """Turn features into the change from each frame to the next, layer by layer."""
    input:
        features="<results>/features/{video}.h5",
    output:
        multiext("<results>/changes/{metric}/{video}", table=".tsv", about=".json"),
    log:
        "<results>/logs/measure_changes/{metric}.{video}.log",
    benchmark:
        "<results>/benchmarks/measure_changes/{metric}.{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("measure_changes"),
        runtime=stage_minutes("measure_changes"),
    params:
        code=code_digest("measure_changes"),
    message:
        "{wildcards.video}: measuring {wildcards.metric} changes"
    script:
        "../../scripts/measure_changes.py"


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
        thresholds=range_settings(config),
        code=code_digest("pool_ranges"),
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
        changes=per_metric("<results>/changes/{metric}/{video}.tsv"),
        ranges=if_set_scope(per_metric("<results>/ranges/{metric}.tsv")),
    output:
        tables=per_metric("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        about=per_metric("<results>/accumulators/{metric}.{threshold}/{video}.json"),
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
        thresholds=lambda wildcards: threshold_settings(config, wildcards.threshold),
        seed=noise_seed,
        code=code_digest("accumulate_changes"),
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
        # The order of the rows, of which Snakemake does not know from the inputs.
        series=[[v, m, t] for v in VIDEOS for m in METRICS for t in THRESHOLDS],
        code=code_digest("summarise_counts"),
    message:
        "gathering the counts of all videos"
    script:
        "../../scripts/summarise_counts.py"
