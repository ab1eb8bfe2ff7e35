"""Networks, their weights, and what is kept of their activations."""
