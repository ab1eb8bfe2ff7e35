"""Numbers of a results folder, computed again and compared."""
