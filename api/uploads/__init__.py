"""Receiving uploads: multipart, tus, and the dataset that each becomes."""
