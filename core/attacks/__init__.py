"""Projected gradient descent, norm balls, and the transformations T."""
