"""What users start by hand beside the workflow."""
