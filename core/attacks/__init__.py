"""Projected gradient descent, its norm balls and losses, and the random transformations T of expectation over them."""
