"""Zip, tar and folder as one stream of members."""
