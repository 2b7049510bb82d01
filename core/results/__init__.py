"""What a report holds: frozen values without torch."""
