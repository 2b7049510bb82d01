"""The protected archive and its manifest."""
