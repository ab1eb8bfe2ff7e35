"""Inventory of a results folder: which files belong to the current set, and which are left over."""
