"""Shared by all rooms: files, tables, provenance. It knows no stage and no workflow."""
