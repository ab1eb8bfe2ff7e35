"""What can be said of frames without a network, and may explain what a network says."""
