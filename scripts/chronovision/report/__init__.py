"""The pages of the report, and the methods text."""
