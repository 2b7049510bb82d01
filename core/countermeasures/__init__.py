"""Countermeasures: what an unauthorized trainer may do to learn from protected images. To add one, see registry.py."""
