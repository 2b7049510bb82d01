"""Neural tangent generalization attack (Yuan & Wu, ICML 2021)."""
