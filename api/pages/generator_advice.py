"""Which trained generator to take: for which images the preset `instant` chooses each, and what each fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from core.errors import BadInput
from core.generators.card import Card
from core.generators.secret_vectors import is_rotated
from core.generators.shipped import select_shipped_generator, shipped_generators
from core.specs.small_images import MAX_SMALL_EDGE
from store import models as m

_SIZES = (32, MAX_SMALL_EDGE)  # work sizes, in pixels; larger images are photographs, which get textures


@dataclass(frozen=True, slots=True)
class GeneratorAdvice:
    """What the page says about when to take a generator.

    Attributes:
        recommended: Whether the preset `instant` chooses it for some images.
        sentences: For which images to take it.
    """

    recommended: bool
    sentences: tuple[str, ...]


def advice_for(row: m.Generator, card: Card) -> GeneratorAdvice:
    """Say for which images to take a generator.

    Args:
        row: The row of the generator. A generator that ships has its file's name as its id.
        card: Its card.
    """
    chosen = [] if row.job_id else _choices().get(row.id, [])
    greyscale = ", and only greyscale ones" if card.channels == 1 else ""
    fits = f"It fits images of {card.size} px and more{greyscale}, in at most {card.classes:,} classes."
    if chosen:
        return GeneratorAdvice(True, (f"Take it for {' and '.join(chosen)}: “Instant” does.",))
    reason = (
        "Take it if the images resemble those that it was trained on."
        if row.job_id
        else "“Instant” takes it for no images: another one that ships is stronger."
    )
    if not row.job_id and not is_rotated(card.classes):
        reason = (
            "“Instant” takes it for no images: too few classes for a secret key, so everyone can compute its noise."
        )
    if card.grey_updates and not row.job_id:
        reason = "Take it by hand if the images may be converted to greyscale; else “Instant” takes a stronger one."
    return GeneratorAdvice(False, (reason, fits))


@cache
def _choices() -> dict[str, list[str]]:
    """For which images each shipped generator is chosen, by the stem of its file."""
    bounds = sorted({one.card.classes for one in shipped_generators()})
    found: dict[str, list[str]] = {}
    for fewer, classes in pairwise([0, *bounds]):
        chosen = [_chosen(size, classes) for size in _SIZES]
        for name in dict.fromkeys(name for name in chosen if name):
            sizes = [size for size, one in zip(_SIZES, chosen, strict=True) if one == name]
            found.setdefault(name, []).append(f"{_size_range(sizes)} {_class_range(fewer, classes)}")
    return {name: _merged(ranges) for name, ranges in found.items()}


def _chosen(size: int, classes: int) -> str | None:
    try:
        return select_shipped_generator(channels=3, size=size, classes=classes).file.stem
    except BadInput:
        return None


def _size_range(sizes: Sequence[int]) -> str:
    following = _SIZES[_SIZES.index(sizes[-1]) + 1 :]
    last = following[0] - 1 if following else sizes[-1]
    return f"images of {sizes[0]} px" if last == sizes[0] else f"images of {sizes[0]} to {last} px"


def _class_range(fewer: int, classes: int) -> str:
    return f"in {fewer + 1:,} to {classes:,} classes" if fewer else f"in up to {classes:,} classes"


def _merged(ranges: Sequence[str]) -> list[str]:
    """Join the ranges of one generator that differ in the number of classes only."""
    by_size: dict[str, list[str]] = {}
    for one in ranges:
        size, _, classes = one.partition(" in ")
        by_size.setdefault(size, []).append(classes)
    return [
        f"{size} in {classes[0] if len(classes) == 1 else 'up to ' + classes[-1].rpartition(' to ')[2]}"
        for size, classes in by_size.items()
    ]
