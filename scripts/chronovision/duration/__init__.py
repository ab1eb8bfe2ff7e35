"""Clips of many durations, and the model that predicts seconds from their counts."""
