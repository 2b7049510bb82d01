"""Which images are held out to test on, and which are protected when not all are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def held_out(labels: NDArray[np.int64], splits: Sequence[str | None], *, seed: int) -> NDArray[np.bool_]:
    """bool (n,): the upload's own test split if it has one, else a fifth of each class, rounded down."""
    own = np.array([split == "test" for split in splits])
    return own if own.any() else share_of_each_class(labels, 0.2, seed=seed)


def share_of_each_class(labels: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.bool_]:
    """bool (n,): `share` of the images of each class, rounded down, chosen by `seed`."""
    rng, chosen = np.random.default_rng(seed), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen[rng.permutation(members)[: int(len(members) * share)]] = True
    return chosen


def protected_share(labels: NDArray[np.int64], percentage: int, *, seed: int) -> NDArray[np.bool_]:
    """bool (n,): `percentage` of the images of each class, rounded up, so that no class goes without."""
    return ~share_of_each_class(labels, (100 - percentage) / 100, seed=seed)


def protected_beside(
    apart: NDArray[np.bool_], labels: NDArray[np.int64], percentage: int, *, seed: int
) -> NDArray[np.bool_]:
    """bool (n,): `percentage` of each class, and of those of it that are not held out (`apart`); both rounded up.

    The training images are drawn apart and from a stream of their own: one draw for both would hold out the very images
    that are to stay clean, and the evidence would be taken on a larger share than was asked for.
    """
    rng, chosen = np.random.default_rng((seed, 1)), np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        own = labels == label
        trained, tested = np.flatnonzero(own & ~apart), np.flatnonzero(own & apart)
        clean, of_trained = (count * (100 - percentage) // 100 for count in (own.sum(), len(trained)))
        chosen[rng.permutation(trained)[:of_trained]] = False
        chosen[rng.permutation(tested)[: clean - of_trained]] = False
    return chosen
