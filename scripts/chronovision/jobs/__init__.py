"""What planning and running jobs need; it decides no number and is part of no digest."""
