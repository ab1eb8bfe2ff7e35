# Chronovision: from videos to change timelines, salient changes, segments and estimates of
# duration. What is computed is said in config/, how and where it runs in profiles/.

from snakemake.utils import min_version

min_version("9.12")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/planning.smk"
include: "workflow/rules/config.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/videos.smk"
include: "workflow/rules/confounds.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/salience.smk"
include: "workflow/rules/segmentation.smk"
include: "workflow/rules/duration.smk"
include: "workflow/rules/quality.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        all_outputs(),
