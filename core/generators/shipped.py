"""The generators that ship with this release: every `*.safetensors` file in this folder. No torch here.

The preset `instant` makes its noise with one of them. They agree in method and radii, which are then its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.generators.card import Card, read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities
from core.specs.protect import INSTANT

FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A generator's file, and its card."""

    file: Path
    card: Card


def shipped(folder: Path = FOLDER) -> tuple[Shipped, ...]:
    """All of them, by name of the file."""
    return tuple(Shipped(file=file, card=read_card(file)) for file in sorted(folder.glob("*.safetensors")))


def settled(asked: Mapping[str, Any], card: Card | None) -> dict[str, Any]:
    """`asked` with the method and radii of its generator: that of `card`, or for the preset `instant` any of these.

    Raises SpecError where something else was asked for.
    """
    if card is None and asked.get("preset") == INSTANT:
        card = shipped()[0].card
    return dict(asked) if card is None else apply_generator_constraints(asked, card)


def best_fit(
    *, channels: int | None = None, size: int | None = None, classes: int | None = None, folder: Path = FOLDER
) -> Shipped:
    """The shipped generator for such pictures: the largest that fits, and of equal ones that of the fewest classes.

    Of those that differ in nothing else it is one whose noise was not judged in grey, which withstands adversarial
    training better.
    channels, size in pixels and classes are those of the dataset; None is what is not known yet. Raises BadInput that
    says why none fits.
    """
    offered = shipped(folder)
    known = {"channels": channels, "size": size, "classes": classes}
    fitting = [one for one in offered if not incompatibilities(one.card, **known)]
    if not fitting:
        reasons = " ".join(incompatibilities(one.card, **known) for one in offered)
        raise BadInput(f"No generator that ships fits these pictures. {reasons} Choose the preset quick instead.")
    return min(fitting, key=lambda one: (-one.card.size, one.card.classes, one.card.grey_updates))
