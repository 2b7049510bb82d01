"""Which noise networks get vectors of classes that a secret key rotates. Imports no torch."""

MIN_ROTATED = 50
"""Classes of a network from which on its vectors are rotated. One of 10 classes knows too little of what lies between
its vectors: with one of two keys it protected less (docs/lab/noise.md)."""


def is_rotated(classes: int) -> bool:
    """Whether the vectors of a network are rotated (`core.noise.secret_directions`), not only dealt out.

    Args:
        classes: Of the network.
    """
    return classes >= MIN_ROTATED
