"""A model for each section of the config."""
