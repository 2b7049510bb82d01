"""Whether a trained generator fits a spec and a dataset. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import FieldError, SpecError
from core.generators.card import Card

FIXED_BY_GENERATOR = ("method", "radius_u", "radius_a")
"""The keys of a spec that a generator was trained for."""


def apply_generator_constraints(fields: Mapping[str, Any], card: Card) -> dict[str, Any]:
    """Fill in the method and the radii of a generator.

    The noise is searched with the surrogate that was trained for these values, and only these were measured.

    Args:
        fields: The fields of a protection's spec, as requested.
        card: The generator's card.

    Returns:
        The fields for `ProtectSpec.parse`.

    Raises:
        SpecError: One error for each field that was requested with another value.
    """
    fixed = {key: getattr(card, key) for key in FIXED_BY_GENERATOR}
    errors = [
        FieldError(key, f"must be {value}: the generator “{card.name}” was trained for that alone")
        for key, value in fixed.items()
        if fields.get(key) is not None and fields[key] != value
    ]
    if errors:
        raise SpecError(errors)
    return {**fields, **fixed}


def incompatibilities(
    card: Card, *, channels: int | None = None, size: int | None = None, classes: int | None = None
) -> str:
    """Why a generator does not fit a dataset, as a sentence for the user; empty if it fits.

    Args:
        card: The generator's card.
        channels: 1 if all images are greyscale, else 3; None if not known yet. A generator for colour images takes
            greyscale ones, too.
        size: The dataset's own work size in pixels; None if not known yet. Larger images are scaled down for the
            search.
        classes: Number of the dataset's classes; None if not known yet.
    """
    reasons = []
    if channels is not None and channels > card.channels:
        reasons.append("it was trained on greyscale images, and these have colours")
    if size is not None and size < card.size:
        reasons.append(
            f"it makes noise at {card.size} px, and these images are about {size} px: scaling the noise down would "
            "blur it away"
        )
    if classes is not None and classes > card.classes:
        reasons.append(
            f"it was trained on {card.classes} classes, and this dataset has {classes}: two classes would get the same "
            "noise, and models would learn to tell them apart by what the images show"
        )
    if not reasons:
        return ""
    return f"The generator “{card.name}” does not fit: {'; '.join(reasons)}."


def may_have_trained_on(card: Card, *, name: str, classes: Sequence[str]) -> bool:
    """Whether a generator may have been trained on the images of a dataset, including the test images.

    This is so where the dataset has the name of the training data, or where each of its classes has the name of a
    class of the training data. Letter case does not count.

    Args:
        card: The generator's card.
        name: The dataset's name.
        classes: Names of the dataset's classes.
    """
    known = {one.casefold() for one in card.class_names}
    return card.data.casefold() == name.casefold() or {one.casefold() for one in classes} <= known
