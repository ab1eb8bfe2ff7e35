"""Chronovision: CNN change timelines, salient changes and estimates of duration from videos.

The library knows nothing of Snakemake: functions take and return arrays or file paths,
randomness comes in as a seed or as drawn noise.

Public functions and classes are had from here, ``from chronovision import read_table``. Each loads
its module when it is asked for, so that none waits for PyTorch that does not need it.
"""

from importlib import import_module

__version__ = "0.1.0"

#: Public name -> module that defines it. docs/how-to.md lists them.
PUBLIC_NAMES = {
    # Stages, from files to files: each is called by the rule of its name.
    "probe_video": "chronovision.videos.probe",
    "dump_frames": "chronovision.videos.frames",
    "export_images": "chronovision.videos.images",
    "describe_frames": "chronovision.confounds.pixels",
    "fetch_weights": "chronovision.features.weights",
    "extract_features": "chronovision.features.extraction",
    "measure_changes": "chronovision.salience.changes",
    "pool_ranges": "chronovision.salience.thresholds",
    "accumulate_changes": "chronovision.salience.accumulators",
    "summarise_counts": "chronovision.salience.counts",
    "segment_video": "chronovision.segmentation.segments",
    "build_clip_table": "chronovision.duration.clips",
    "fit_duration_model": "chronovision.duration.model",
    "apply_duration_model": "chronovision.duration.apply",
    "check_quality": "chronovision.quality.notes",
    "plot_video": "chronovision.figures.video",
    "plot_set": "chronovision.figures.set",
    "render_page": "chronovision.report.video_page",
    "render_report": "chronovision.report.set_page",
    # Arrays in, arrays out.
    "change_series": "chronovision.salience.changes",
    "static_accumulator": "chronovision.salience.accumulators",
    "dynamic_accumulator_frames": "chronovision.salience.decay",
    "dynamic_accumulator_seconds": "chronovision.salience.decay",
    "find_boundaries": "chronovision.segmentation.segments",
    "pixel_facts": "chronovision.confounds.pixels",
    "correlation_from_sketch": "chronovision.figures.matrices",
    # Files of a results folder, and of the user.
    "Results": "chronovision.core.results",
    "read_table": "chronovision.core.tables",
    "read_provenance": "chronovision.core.provenance",
    "read_config": "chronovision.config.files",
    # A pair of metric and threshold, which names folders and tables.
    "Variant": "chronovision.core.variants",
    # What a run is made of: decoded frames, random numbers, networks, FFmpeg.
    "analysed_rows": "chronovision.videos.decoding",
    "Decoding": "chronovision.videos.decoding",
    "Span": "chronovision.videos.span",
    "derive_rng": "chronovision.core.seeds",
    "layer_nodes": "chronovision.features.networks",
    "weights_url": "chronovision.features.networks",
    "find_tools": "chronovision.videos.ffmpeg",
    "UserError": "chronovision.errors",
}


def __getattr__(name: str) -> object:
    """Return a public name from the module that defines it (PEP 562)."""
    if name not in PUBLIC_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PUBLIC_NAMES[name]), name)


def __dir__() -> list[str]:
    """List public names too, so that editors complete them."""
    return sorted({*globals(), *PUBLIC_NAMES})
