"""Whether a trained generator can be used for what is asked: what it fixes, what it does not fit, what it may know.

No torch here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import FieldError, SpecError
from core.generators.card import Card

FIXED = ("method", "radius_u", "radius_a")  # keys of a spec that a generator was trained for


def apply_generator_constraints(asked: Mapping[str, Any], card: Card) -> dict[str, Any]:
    """`asked` with the generator's own method and radii, for a spec to be parsed from.

    Raises SpecError, which names every one of them that was asked for and differs: noise is searched with the surrogate
    that was trained for these, and nothing else was measured.
    """
    fixed = {key: getattr(card, key) for key in FIXED}
    wrong = [
        FieldError(key, f"must be {own}: the generator “{card.name}” was trained for that alone")
        for key, own in fixed.items()
        if asked.get(key) is not None and asked[key] != own
    ]
    if wrong:
        raise SpecError(wrong)
    return {**asked, **{key: own for key, own in fixed.items() if asked.get(key) is None}}


def incompatibilities(
    card: Card, *, channels: int | None = None, size: int | None = None, classes: int | None = None
) -> str:
    """What of a dataset does not fit the generator, in plain words; empty where all does. None: not known yet.

    channels: 1 where all pictures are grey, else 3; a generator for colour takes grey pictures too. size: the dataset's
    own work size in pixels; larger pictures are made smaller for the search, as always.
    """
    found = []
    if channels is not None and channels > card.channels:
        found.append("it was trained on grey pictures, and these have colours")
    if size is not None and size < card.size:
        found.append(
            f"it makes noise at {card.size} px, and these pictures are about {size} px: made smaller, the noise would "
            "be blurred away"
        )
    if classes is not None and classes > card.classes:
        found.append(
            f"it tells {card.classes} classes apart, and here are {classes}: two classes would get the same noise, "
            "and models would learn to tell these by what is in the pictures"
        )
    if not found:
        return ""
    return f"The generator “{card.name}” does not fit: {'; '.join(found)}."


def may_have_learned(card: Card, *, name: str, classes: Sequence[str]) -> bool:
    """Whether the pictures of a dataset may be those that a generator was trained on.

    They may where the dataset is called like those, or every class of it is called like one of theirs.
    """
    known = {own.casefold() for own in card.class_names}
    return card.data.casefold() == name.casefold() or {own.casefold() for own in classes} <= known
