"""The forms that start jobs."""
