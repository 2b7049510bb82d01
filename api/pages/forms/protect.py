"""The "Protect" form: its fields, its first values, and the spec that a submitted form asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.pages.forms.fields import (
    FormFields,
    Option,
    error_messages,
    filled_fields,
    integer_or_text,
    spec_hints,
    spec_options,
    spec_ranges,
)
from core.errors import SpecError
from core.specs.protect import ProtectSpec
from store import models as m

_ADVANCED = (
    "layout",
    "method",
    "radius_u",
    "radius_a",
    "eot",
    "percentage",
    "pass_through",
    "evidence_minutes",
    "seed",
)
_TEXTS = ("preset", "visibility", "evidence", "format", "layout", "pass_through", "method", "generator_id")
_NUMBERS = ("radius_u", "radius_a", "percentage", "evidence_minutes", "seed")
_STRENGTHS = (
    Option("4", "Gentle", "The hardest to see, and the easiest to overcome.", "4 of 255"),
    Option("8", "Balanced", "Most published measurements use it. The report measures how visible it is.", "8 of 255"),
    Option("16", "Strong", "A fine grain shows on smooth areas such as sky.", "16 of 255"),
)
_HINTS = {
    "strength": "The largest change of a pixel value. A larger one protects better and is easier to see.",
    "preset": "Instant trains nothing. The others train on these images. A more thorough one takes longer.",
    "evidence": "Without a measurement the report has no comparison of before and after.",
    "format": "A JPEG as large as this keeps about 97 % of the noise. A PNG keeps all of it.",
    "layout": "The noise ties the images of a class together. Change this if the page understood your upload wrongly.",
    "pass_through": "Videos, texts and the files that apps put beside images can hold names and places.",
    "method": "The report names the method. Only SEM and REM are made to withstand adversarial training.",
    "eot": "Noise that is made without it loses its effect on models trained with random crops and flips.",
    "generator_id": "A generator that was trained before makes the noise without training on these images. It has its "
    "own method and strength. Instant uses one that is part of the service.",
}


def form_fields(
    values: Mapping[str, Any], errors: Mapping[str, str], *, generators: Sequence[m.Generator] = ()
) -> FormFields:
    """Return the fields of the form.

    Args:
        values: The value of each field.
        errors: What is wrong, by field.
        generators: The trained generators that can be chosen.
    """
    return FormFields(
        prefix="",
        options=form_options(generators),
        ranges=spec_ranges(),
        hints=spec_hints() | _HINTS,
        values=values,
        errors=errors,
    )


def form_options(generators: Sequence[m.Generator] = ()) -> dict[str, list[Option]]:
    """List the options of each field with a choice.

    Args:
        generators: The trained generators that can be chosen.
    """
    trained = [Option("", "None, except the one that Instant uses"), *map(_generator_option, generators)]
    return {"strength": list(_STRENGTHS), "generator_id": trained} | spec_options()


def _generator_option(row: m.Generator) -> Option:
    facts = f"{row.method.upper()}, strength {row.radius_u}, up to {row.classes} classes"
    return Option(row.id, f"{row.name} ({facts}, {row.size} x {row.size} pixels)")


def default_values() -> dict[str, Any]:
    """Return the values that the form has at first."""
    spec = ProtectSpec()
    values = {name: "" if value is None else value for name, value in spec.to_dict().items()}
    return values | {"strength": str(spec.radius_u), "radius_u": "", "eot": "true"}


def submitted_values(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a submitted form, to show it again.

    Args:
        submitted: The submitted values by field.
    """
    defaults = default_values()
    known = {name: value for name, value in submitted.items() if name in defaults}
    return defaults | known | {"keep_exif": "keep_exif" in submitted}


def requested_spec(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec that a submitted form asks for, to be parsed; empty fields are left out.

    Args:
        submitted: The submitted values by field.
    """
    spec = filled_fields(submitted, texts=_TEXTS, numbers=_NUMBERS)
    if "radius_u" not in spec and "generator_id" not in spec and submitted.get("strength"):
        spec["radius_u"] = integer_or_text(submitted["strength"])
    if submitted.get("eot"):
        spec["eot"] = {"true": True, "false": False}.get(submitted["eot"], submitted["eot"])
    return spec | {"keep_exif": "keep_exif" in submitted}


def form_errors(error: SpecError, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong by field; a wrong strength belongs to the field in which it was entered.

    Args:
        error: The error of the spec.
        values: The values of the form.
    """
    found = error_messages(error)
    if "radius_u" in found and not values["radius_u"]:
        found["strength"] = found.pop("radius_u")
    return found


def has_advanced_changes(values: Mapping[str, Any], errors: Mapping[str, str]) -> bool:
    """Whether a field under "Advanced" is wrong or differs from its first value.

    Args:
        values: The values of the form.
        errors: What is wrong, by field.
    """
    defaults = default_values()
    return any(values[name] not in ("", defaults[name]) or name in errors for name in _ADVANCED)
