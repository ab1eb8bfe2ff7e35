# REQUIRED INPUTS: the tables of all stages.
# OUTPUTS: figures/{video}/, figures/set/, report/{video}.html, report/index.html, report/methods.md,
# report/references.bib, provenance.json.


rule plot_video:
    """Draw one video's timelines, counts, histograms, heatmaps and similarity matrices."""
    input:
        features="<results>/features/{video}.h5",
        thumbnails="<results>/pixels/{video}.thumbnails.h5",
        changes=of_metrics("<results>/changes/{metric}/{video}.tsv"),
        accumulators=of_kinds("<results>/accumulators/{metric}.{threshold}/{video}.tsv"),
        segments=of_kinds("<results>/segments/{metric}.{threshold}/{video}.tsv"),
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
        code=digest("plot_video"),
    message:
        "{wildcards.video}: drawing figures"
    script:
        "../../scripts/plot_video.py"


rule plot_set:
    """Draw what only the whole set shows: counts against duration, predictions, comparisons."""
    input:
        summary="<results>/accumulators/summary.tsv",
        clips=of_kinds("<results>/clips/{metric}.{threshold}.tsv"),
        about_clips=of_kinds("<results>/clips/{metric}.{threshold}.json"),
        predictions=fitted("<results>/duration/{metric}.{threshold}/predictions.tsv"),
        about_predictions=fitted("<results>/duration/{metric}.{threshold}/predictions.json"),
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
        code=digest("plot_set"),
    message:
        "drawing figures of the set"
    script:
        "../../scripts/plot_set.py"


rule render_page:
    """Gather one video's facts, notes, segments and figures on a page."""
    input:
        facts="<results>/videos/{video}.json",
        quality="<results>/quality/{video}.tsv",
        features="<results>/features/{video}.h5",
        thumbnails="<results>/pixels/{video}.thumbnails.h5",
        accumulators=rules.plot_video.input.accumulators,
        segments=rules.plot_video.input.segments,
        figures=rules.plot_video.output,
    output:
        page="<results>/report/{video}.html",
    log:
        "<results>/logs/render_page/{video}.log",
    benchmark:
        "<results>/benchmarks/render_page/{video}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=stage_mb("render_page"),
        runtime=stage_minutes("render_page"),
    params:
        code=digest("render_page", data="templates/*.html"),
    message:
        "{wildcards.video}: writing its page"
    script:
        "../../scripts/render_page.py"


rule render_report:
    """Gather the whole set on one page, with a methods paragraph for a paper."""
    input:
        pages=collect("<results>/report/{video}.html", video=VIDEOS),
        facts=collect("<results>/videos/{video}.json", video=VIDEOS),
        quality=collect("<results>/quality/{video}.tsv", video=VIDEOS),
        summary="<results>/accumulators/summary.tsv",
        weights=f"<results>/weights/{WEIGHTS}.json",
        segments=collect(
            of_kinds("<results>/segments/{metric}.{threshold}/{video}.tsv"), video=VIDEOS
        ),
        figures=set_figures,
        clips=of_kinds("<results>/clips/{metric}.{threshold}.tsv"),
        about_clips=of_kinds("<results>/clips/{metric}.{threshold}.json"),
        scores=fitted("<results>/duration/{metric}.{threshold}/scores.tsv"),
        about_scores=fitted("<results>/duration/{metric}.{threshold}/scores.json"),
        applied=applied("<results>/duration/applied/scores.tsv"),
        about_applied=applied("<results>/duration/applied/scores.json"),
    output:
        index=report(
            "<results>/report/index.html",
            caption="../report/index.rst",
            category="overview",
            labels={"figure": "overview page"},
        ),
        methods="<results>/report/methods.md",
        references="<results>/report/references.bib",
        provenance=report(
            "<results>/provenance.json",
            caption="../report/provenance.rst",
            category="overview",
            labels={"figure": "provenance"},
        ),
    log:
        "<results>/logs/render_report.log",
    benchmark:
        "<results>/benchmarks/render_report.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        groups=GROUPS,
        scenes={name: video.scene for name, video in VIDEOS.items()},
        config=config,
        code=digest("render_report", data="templates/*.html"),
    message:
        "writing the overview"
    script:
        "../../scripts/render_report.py"
