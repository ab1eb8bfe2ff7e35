"""Quality notes: what a reader should know of a video before believing its numbers."""
