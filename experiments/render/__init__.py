"""Experiments as Markdown, JSON, SVG and PNG."""
