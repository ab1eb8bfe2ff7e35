"""Videos: the table of them, what their files hold, and their frames."""
