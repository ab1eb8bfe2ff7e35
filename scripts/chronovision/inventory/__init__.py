"""Inventory of a results folder: which files belong to the present set, and which are left over."""
