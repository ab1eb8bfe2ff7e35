"""Where a video divides into segments."""
