"""Measuring: accuracy before and after, imperceptibility, verification."""
