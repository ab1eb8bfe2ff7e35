# REQUIRED INPUTS: the tables of all stages, figures.
# OUTPUTS: report/{video}.html, report/index.html, report/methods.md, report/references.bib,
# provenance.json.


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
        code=code_digest("render_page", data="report/templates/*.html"),
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
            per_variant("<results>/segments/{metric}.{threshold}/{video}.tsv"), video=VIDEOS
        ),
        figures=set_figures,
        clips=per_variant("<results>/clips/{metric}.{threshold}.tsv"),
        about_clips=per_variant("<results>/clips/{metric}.{threshold}.json"),
        scores=if_fitted("<results>/duration/{metric}.{threshold}/scores.tsv"),
        about_scores=if_fitted("<results>/duration/{metric}.{threshold}/scores.json"),
        applied=if_applied("<results>/duration/applied/scores.tsv"),
        about_applied=if_applied("<results>/duration/applied/scores.json"),
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
        code=code_digest("render_report", data="report/templates/*.html"),
    message:
        "writing the overview"
    script:
        "../../scripts/render_report.py"
