"""Training a network: the loop, the SGD step, and learners."""
