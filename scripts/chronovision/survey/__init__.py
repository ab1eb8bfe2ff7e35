"""A look at a folder of videos before anything is computed."""
