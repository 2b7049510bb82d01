"""The forms that ask for a job."""
