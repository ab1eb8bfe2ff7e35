"""Low-level confounds: properties of the frames that may explain what a network reports."""
