# REQUIRED INPUTS: changes/{metric}/{video}.tsv and pixels/{video}.tsv of all videos.
# OUTPUTS: clips/{metric}.{threshold}.tsv with controls, duration/{metric}.{threshold}/,
# duration/applied/ if another set's model is named. A table that cannot be computed has no rows, and
# its JSON gives the reason. So rules that show a table have its JSON as input, too.


rule build_clip_table:
    """Cut the videos into clips of many durations and count salient changes in each, from its start.

    The same clips with changes permuted in time, and with changes of the pixels, go into a
    table of controls.
    """
    input:
        changes=collect("<results>/changes/{{metric}}/{video}.tsv", video=VIDEOS),
        pixels=collect("<results>/pixels/{video}.tsv", video=VIDEOS),
        ranges=if_set_scope("<results>/ranges/{metric}.tsv"),
    output:
        multiext("<results>/clips/{metric}.{threshold}", table=".tsv", about=".json"),
        controls="<results>/clips/controls/{metric}.{threshold}.tsv",
        controls_about="<results>/clips/controls/{metric}.{threshold}.json",
    log:
        "<results>/logs/build_clip_table/{metric}.{threshold}.log",
    benchmark:
        "<results>/benchmarks/build_clip_table/{metric}.{threshold}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        groups=GROUPS,
        thresholds=lambda wildcards: threshold_settings(config, wildcards.threshold),
        clips=lambda wildcards: clip_settings(config, wildcards.threshold),
        seed=lookup(within=config, dpath="seed"),
        code=code_digest("build_clip_table"),
    message:
        "counting salient {wildcards.metric} changes in clips, {wildcards.threshold}"
    script:
        "../../scripts/build_clip_table.py"


rule fit_duration_model:
    """Predict seconds from counts, with cross-validation over groups of videos."""
    input:
        clips="<results>/clips/{metric}.{threshold}.tsv",
        about_clips="<results>/clips/{metric}.{threshold}.json",
        controls="<results>/clips/controls/{metric}.{threshold}.tsv",
    output:
        multiext(
            "<results>/duration/{metric}.{threshold}/predictions",
            predictions=".tsv",
            about_predictions=".json",
        ),
        scores="<results>/duration/{metric}.{threshold}/scores.tsv",
        about_scores="<results>/duration/{metric}.{threshold}/scores.json",
        model="<results>/duration/{metric}.{threshold}/model.skops",
    log:
        "<results>/logs/fit_duration_model/{metric}.{threshold}.log",
    benchmark:
        "<results>/benchmarks/fit_duration_model/{metric}.{threshold}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        duration=fit_settings(config),
        code=code_digest("fit_duration_model"),
    message:
        "fitting the duration model, {wildcards.metric}, {wildcards.threshold}"
    script:
        "../../scripts/fit_duration_model.py"


rule apply_duration_model:
    """Predict this set's clips with a model that was fitted on another set."""
    input:
        model=lambda wildcards: config["duration"]["apply"],
        clips=per_variant("<results>/clips/{metric}.{threshold}.tsv"),
        about_clips=per_variant("<results>/clips/{metric}.{threshold}.json"),
    output:
        multiext(
            "<results>/duration/applied/predictions", predictions=".tsv", about_predictions=".json"
        ),
        scores="<results>/duration/applied/scores.tsv",
        about_scores="<results>/duration/applied/scores.json",
    log:
        "<results>/logs/apply_duration_model.log",
    benchmark:
        "<results>/benchmarks/apply_duration_model.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=set_mb,
        runtime=set_minutes,
    params:
        code=code_digest("apply_duration_model"),
    message:
        "applying the duration model {input.model}"
    script:
        "../../scripts/apply_duration_model.py"
