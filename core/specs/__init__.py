"""What a job may be asked to do: validated values without torch."""
