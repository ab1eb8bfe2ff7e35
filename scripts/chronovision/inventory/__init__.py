"""What lies in a results folder, and what of it belongs to the present set."""
