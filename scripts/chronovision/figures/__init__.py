"""Figures of one video, and of a set."""
