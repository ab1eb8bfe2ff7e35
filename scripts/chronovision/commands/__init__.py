"""Commands that users start by hand, beside the workflow."""
