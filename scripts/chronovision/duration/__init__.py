"""Estimates of duration: clips of many durations, and models that predict seconds from counts."""
