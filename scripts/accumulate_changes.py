"""Adapter of rule accumulate_changes."""

from chronovision.core.keys import by_folder, by_stem, by_variant_folder
from chronovision.jobs.log import logged_job
from chronovision.salience.accumulators import accumulate_changes

with logged_job(snakemake.log[0]):
    changes, ranges = by_folder(snakemake.input.changes), by_stem(snakemake.input.ranges)
    for (metric, threshold), table in by_variant_folder(snakemake.output.tables).items():
        accumulate_changes(
            *(changes[metric], ranges.get(metric), table),
            **{"video": snakemake.wildcards.video, "kind": threshold},
            **{name: snakemake.params[name] for name in ("thresholds", "seed")},
        )
