"""The codes of class textures: which class has which frequencies and orientations. A secret key decides.

A cell is a frequency with an orientation. Each class has one cell; where there are more classes than cells, each has a
set of two, or of more. Of all sets those are taken that overlap least in the frequency plane.

A trainer who knows this module and everything that is published of a job, but not the key, knows neither the code of a
class nor the phases of an image.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, count
from math import comb

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
FREQUENCIES = (28.0, 44.0)
"""Cycles along the longer edge of an image."""
SPACING = 9.0
"""Distance of neighbouring orientations of one frequency, in cycles along the longer edge."""
BANDWIDTH = 5.0
"""Standard deviation of the power of a cell around its frequency, in cycles along the longer edge."""

MAX_CANDIDATES = 4_000
"""How many sets of cells are compared with each other."""


@dataclass(frozen=True, slots=True)
class TextureCell:
    """A band of the frequency plane, which comes with its mirror image.

    Attributes:
        frequency: Cycles along the longer edge of an image.
        angle: Of the wave's direction, in radians from 0 to pi/2. A mirrored image has pi less the angle.
    """

    frequency: float
    angle: float


def texture_cells() -> tuple[TextureCell, ...]:
    """All cells: for each frequency as many angles from 0 to pi/2 as SPACING allows."""
    return tuple(
        TextureCell(frequency, float(angle))
        for frequency in FREQUENCIES
        for angle in np.linspace(0, np.pi / 2, 1 + round(frequency * np.pi / 2 / SPACING))
    )


@dataclass(frozen=True)
class TextureCodebook:
    """The code of each class, and the seed of each image's phases.

    Attributes:
        classes: Number of the classes.
        key: The secret, KEY_BYTES bytes. No representation shows it.
    """

    classes: int
    key: bytes

    def __repr__(self) -> str:
        return f"TextureCodebook(classes={self.classes})"

    @cached_property
    def codes(self) -> tuple[tuple[TextureCell, ...], ...]:
        """The cells of each class. With more classes than there are sets of cells, some classes share one."""
        cells = texture_cells()
        rng = np.random.default_rng(self._number("codes"))
        sets = _candidate_sets(len(cells), self.classes, rng)
        chosen = _spread(_vectors(cells, sets), min(self.classes, len(sets)))
        order = rng.permutation(len(chosen))
        return tuple(tuple(cells[cell] for cell in sets[chosen[order[k % len(chosen)]]]) for k in range(self.classes))

    def image_seed(self, number: int) -> int:
        """The seed of one image's phases.

        Args:
            number: The image's place in the dataset.
        """
        return self._number(f"image {number}")

    def _number(self, purpose: str) -> int:
        return int.from_bytes(hashlib.blake2b(purpose.encode(), key=self.key, digest_size=16).digest(), "big")


def _candidate_sets(cells: int, classes: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Sets of cells in random order, of the least size of which there are enough, or the most."""
    size = next(n for n in count(1) if comb(cells, n) >= classes or 2 * n >= cells)
    sets = list(combinations(range(cells), size))
    retained = rng.permutation(len(sets))[: max(MAX_CANDIDATES, classes)]
    return [sets[k] for k in retained]


def _vectors(cells: tuple[TextureCell, ...], sets: list[tuple[int, ...]]) -> NDArray[np.float32]:
    """A row for each set, such that the product of two rows is the correlation of their powers."""
    places = np.array([(c.frequency * np.cos(c.angle), c.frequency * np.sin(c.angle)) for c in cells])
    squared = ((places[:, None] - places[None]) ** 2).sum(-1)
    root = np.linalg.cholesky(np.exp(-squared / (4 * BANDWIDTH**2)) + 1e-9 * np.eye(len(cells)))
    rows = np.array([root[list(one)].sum(0) for one in sets])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _spread(vectors: NDArray[np.float32], number: int) -> list[int]:
    """Places of rows, taken one by one: the first, then each time the one least alike to those taken."""
    chosen = [0]
    alike = vectors @ vectors[0]
    while len(chosen) < number:
        alike[chosen[-1]] = np.inf
        chosen.append(int(alike.argmin()))
        np.maximum(alike, vectors @ vectors[chosen[-1]], out=alike)
    return chosen
