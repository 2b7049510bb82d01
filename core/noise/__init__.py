"""Making the noise: the objective, the surrogate, the search, and networks that predict it."""
