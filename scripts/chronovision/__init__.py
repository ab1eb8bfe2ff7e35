"""Chronovision: CNN change timelines, salient changes and estimates of duration from videos.

The library knows nothing of Snakemake: functions take and return arrays or file paths,
randomness comes in as a seed or as drawn noise.
"""

__version__ = "0.1.0"
