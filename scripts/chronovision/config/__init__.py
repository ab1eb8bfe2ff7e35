"""What a run is told: the config's models, its check and the slices of it that stages read."""
