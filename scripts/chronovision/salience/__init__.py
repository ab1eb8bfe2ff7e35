"""Change from frame to frame, and which changes are salient."""
