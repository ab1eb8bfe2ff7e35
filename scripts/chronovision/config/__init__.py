"""The config: models of its sections, its check, and the slices of it that stages read."""
