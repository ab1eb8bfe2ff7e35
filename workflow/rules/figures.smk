# REQUIRED INPUTS: the tables of all stages.
# OUTPUTS: figures/{video}/, figures/set/.


rule plot_video:
    """Draw one video's timelines, counts, histograms, heatmaps and similarity matrices."""
    input:
        features="<results>/features/{video}.h5",
        thumbnails="<results>/pixels/{video}.thumbnails.h5",
        changes=per_metric("<results>/changes/{metric}/{video}.tsv"),
        accumulators=per_variant("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        segments=per_variant("<results>/segments/{metric}.{threshold}/{video}.tsv"),
    output:
        reported(
            "<results>/figures/{video}/timeline.{metric}.{threshold}.png",
            figure="timeline",
            category="{video}",
            metric=METRICS,
            threshold=THRESHOLDS,
        ),
        reported(
            "<results>/figures/{video}/counts.{metric}.png",
            figure="counts",
            category="{video}",
            metric=METRICS,
        ),
        reported(
            "<results>/figures/{video}/changes.{metric}.png",
            figure="changes",
            category="{video}",
            metric=METRICS,
        ),
        reported("<results>/figures/{video}/heatmaps.png", figure="heatmaps", category="{video}"),
        reported(
            "<results>/figures/{video}/similarity.png", figure="similarity", category="{video}"
        ),
    log:
        "<results>/logs/plot_video/{video}.log",
    benchmark:
        "<results>/benchmarks/plot_video/{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("plot_video"),
        runtime=stage_minutes("plot_video"),
    params:
        code=code_digest("plot_video"),
    message:
        "{wildcards.video}: drawing figures"
    script:
        "../../scripts/plot_video.py"


rule plot_set:
    """Draw what only the whole set shows: counts against duration, predictions, comparisons."""
    input:
        summary="<results>/accumulators/summary.tsv",
        clips=per_variant("<results>/clips/{metric}.{threshold}.tsv"),
        about_clips=per_variant("<results>/clips/{metric}.{threshold}.json"),
        predictions=if_fitted("<results>/duration/{metric}.{threshold}/predictions.tsv"),
        about_predictions=if_fitted("<results>/duration/{metric}.{threshold}/predictions.json"),
    output:
        reported(
            "<results>/figures/set/predicted_vs_real.{metric}.{threshold}.png",
            figure="predicted_vs_real",
            category="all videos",
            metric=METRICS if FITS else [],
            threshold=THRESHOLDS,
        ),
        reported(
            "<results>/figures/set/counts_vs_duration.{metric}.{threshold}.png",
            figure="counts_vs_duration",
            category="all videos",
            metric=METRICS,
            threshold=THRESHOLDS,
        ),
        branch(
            len(THRESHOLDS) > 1,
            then=reported(
                "<results>/figures/set/static_vs_dynamic.png",
                figure="static_vs_dynamic",
                category="all videos",
            ),
            otherwise=[],
        ),
        branch(
            len(METRICS) > 1,
            then=reported(
                "<results>/figures/set/metric_vs_metric.png",
                figure="metric_vs_metric",
                category="all videos",
            ),
            otherwise=[],
        ),
    log:
        "<results>/logs/plot_set.log",
    benchmark:
        "<results>/benchmarks/plot_set.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        code=code_digest("plot_set"),
    message:
        "drawing figures of the set"
    script:
        "../../scripts/plot_set.py"
