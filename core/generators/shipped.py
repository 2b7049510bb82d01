"""The generators that ship with a release: every `*.safetensors` file in `weights`. Imports no torch.

The preset `instant` makes its noise with one of them. They agree in method and radii, which are the preset's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadInput, FieldError, SpecError
from core.generators.card import Card, read_card
from core.generators.compatibility import apply_generator_constraints, incompatibilities
from core.generators.secret_vectors import is_rotated
from core.specs.protect import INSTANT, TEXTURE

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedGenerator:
    """A generator's file and its card."""

    file: Path
    card: Card


def shipped_generators(folder: Path = WEIGHTS_FOLDER) -> tuple[ShippedGenerator, ...]:
    """All generators of a folder, by file name.

    Args:
        folder: Where the files are.
    """
    return tuple(ShippedGenerator(file=file, card=read_card(file)) for file in sorted(folder.glob("*.safetensors")))


def resolve_generator_constraints(fields: Mapping[str, Any], card: Card | None) -> dict[str, Any]:
    """Fill in the method and the radii of the generator that a spec uses, if it uses one.

    Args:
        fields: The fields of a protection's spec, as requested.
        card: The card of the chosen generator. With None the preset `instant` uses a shipped one if a method other
            than `texture` is requested. If none is requested, the images decide; other presets have no generator.

    Returns:
        The fields for `ProtectSpec.parse`.

    Raises:
        SpecError: One error for each field that was requested with another value than the generator's.
    """
    if card is None and fields.get("preset") == INSTANT and fields.get("method") not in (None, TEXTURE):
        card = shipped_generators()[0].card
        try:
            return apply_generator_constraints(fields, card)
        except SpecError as error:
            raise SpecError([_of_instant(one, card) for one in error.errors]) from None
    return dict(fields) if card is None else apply_generator_constraints(fields, card)


def _of_instant(error: FieldError, card: Card) -> FieldError:
    """What is wrong with a field of the preset `instant`; a method has a way out."""
    if error.field != "method":
        return error
    reason = f"must be {TEXTURE} or {card.method} with the preset {INSTANT}, which trains nothing"
    return FieldError("method", f"{reason}; choose another preset for other methods")


def select_shipped_generator(
    *,
    channels: int | None = None,
    size: int | None = None,
    classes: int | None = None,
    folder: Path = WEIGHTS_FOLDER,
) -> ShippedGenerator:
    """The shipped generator for a dataset.

    Of those that fit it is the one with the largest size, then one whose vectors a secret key rotates, then the one
    with the fewest classes, then one that was trained without a greyscale surrogate, which withstands adversarial
    training better.

    Args:
        channels: 1 if all images are greyscale, else 3; None if not known yet.
        size: The dataset's own work size in pixels; None if not known yet.
        classes: Number of the dataset's classes; None if not known yet.
        folder: Where the generators are.

    Raises:
        BadInput: None fits; the message says why.
    """
    generators = shipped_generators(folder)
    known = {"channels": channels, "size": size, "classes": classes}
    fitting = [one for one in generators if not incompatibilities(one.card, **known)]
    if not fitting:
        reasons = " ".join(incompatibilities(one.card, **known) for one in generators)
        raise BadInput(f"No generator that ships fits these images. {reasons} Choose the preset quick instead.")
    return min(fitting, key=lambda one: _rank(one.card))


def _rank(card: Card) -> tuple[int, ...]:
    return -card.size, not is_rotated(card.classes), card.classes, card.grey_updates
