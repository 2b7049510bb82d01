"""Measurements behind the figures in docs/: each script names its command, and what it prints."""
