"""Event segmentation: where a video divides into segments."""
