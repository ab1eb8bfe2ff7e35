"""Survey of a folder of videos, before anything is computed."""
