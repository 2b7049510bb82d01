"""Trained noise generators: their cards, which one fits a dataset, and those that ship. No torch."""
