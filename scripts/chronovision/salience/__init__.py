"""Change from frame to frame, and which of the changes are salient."""
