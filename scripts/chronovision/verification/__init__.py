"""Verification of a results folder: numbers are computed again and compared."""
