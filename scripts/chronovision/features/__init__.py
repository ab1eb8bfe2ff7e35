"""Networks, their weights, and the features computed from their activations."""
