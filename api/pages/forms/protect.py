"""The "Protect" form: its fields, its first values, and the spec that a submitted form asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.pages.formatting import format_count
from api.pages.forms.fields import (
    FormFields,
    Option,
    filled_fields,
    spec_hints,
    spec_options,
    spec_ranges,
)
from core.errors import BadInput
from core.generators.shipped import select_shipped_generator
from core.reports.visibility_wording import jpeg_of_flip
from core.specs.protect import INSTANT, ProtectSpec
from core.specs.visibility import VISIBILITY_TARGETS
from store import models as m

_VISIBLE = ("visibility", "leave_out")  # every other field lies under "Advanced"
LEFT_OUT_FIELD, DEFAULT_FIELD = "leave_out.", "leave_out_default"
"""Names of form fields: a checkbox for each folder, and the folders that are left out by default, a line each."""
_TEXTS = (
    "preset",
    "visibility",
    "evidence",
    "format",
    "layout",
    "pass_through",
    "method",
    "generator_id",
    "reference_dataset_id",
)
_NUMBERS = ("radius_u", "radius_a", "percentage", "evidence_minutes", "seed")
_HINTS = {
    "visibility": "Noise that is hard to see protects little: on our test photographs a model that knew other images "
    "before still reached 69 % in place of 71 with Balanced, and 68 with Strong. Try all three on some of your images "
    "below, and read the measurement of your job.",
    "preset": "Instant trains nothing. The others train on these images. A more thorough one takes longer.",
    "evidence": "Without a measurement the report has no comparison of before and after.",
    "format": "A JPEG as large as this keeps about 97 % of the noise. A PNG keeps all of it.",
    "layout": "The noise ties the images of a class together. Change this if the page understood your upload wrongly.",
    "pass_through": "Videos, texts and the files that apps put beside images can hold names and places.",
    "method": "The report names the method. Only SEM and REM are made to withstand adversarial training.",
    "eot": "Noise that is made without it loses its effect on models trained with random crops and flips.",
    "reference_dataset_id": "An album alone cannot be measured. It joins other classes, and models try to recognize it "
    "among them.",
    "generator_id": "A generator that was trained before makes the noise without training on these images. It has its "
    "own method and strength. Instant uses one that is part of the service.",
}


def form_fields(
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    *,
    generators: Sequence[m.Generator] = (),
    references: Sequence[m.Dataset] = (),
) -> FormFields:
    """Return the fields of the form.

    Args:
        values: The value of each field.
        errors: What is wrong, by field.
        generators: The trained generators that can be chosen.
        references: The datasets whose classes an album can join in its evidence.
    """
    return FormFields(
        prefix="",
        options=form_options(generators) | {"reference_dataset_id": _reference_options(references)},
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
    options = spec_options()
    options["visibility"] = [_with_example(option) for option in options["visibility"]]
    return {"generator_id": trained} | options


def _with_example(option: Option) -> Option:
    """The option of a visibility, with something as visible that people know."""
    example = jpeg_of_flip(VISIBILITY_TARGETS[option.value].flip)
    return replace(option, hint=f"{option.hint} At most as visible as {example}.")


def _reference_options(datasets: Sequence[m.Dataset]) -> list[Option]:
    chosen = [
        Option(row.id, f"{row.name} ({format_count(row.images, 'image')}, {format_count(len(row.classes), 'class')})")
        for row in datasets
    ]
    return [Option("", "Chosen automatically"), *chosen]


def _generator_option(row: m.Generator) -> Option:
    facts = f"{row.method.upper()}, strength {row.radius_u}, up to {row.classes} classes"
    return Option(row.id, f"{row.name} ({facts}, {row.size} x {row.size} pixels)")


def default_values(classes: int | None = None) -> dict[str, Any]:
    """Return the values that the form has at first: the preset `instant` where a generator that ships fits.

    Args:
        classes: The number of classes of the dataset; None if it is not known yet.
    """
    spec = ProtectSpec()
    values = {name: "" if value is None else value for name, value in spec.to_dict().items()}
    preset = INSTANT if _instant_fits(classes) else spec.preset
    return values | {"preset": preset, "radius_u": "", "eot": "true"}


def _instant_fits(classes: int | None) -> bool:
    try:
        select_shipped_generator(classes=classes)
    except BadInput:
        return False
    return True


def submitted_values(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a submitted form, to show it again.

    Args:
        submitted: The submitted values by field.
    """
    defaults = default_values()
    known = {name: value for name, value in submitted.items() if name in defaults}
    left_out = _left_out(submitted)
    return defaults | known | {"keep_exif": "keep_exif" in submitted, "leave_out": "" if left_out is None else left_out}


def requested_spec(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec that a submitted form asks for, to be parsed; empty fields are left out.

    Args:
        submitted: The submitted values by field.
    """
    spec = filled_fields(submitted, texts=_TEXTS, numbers=_NUMBERS)
    if submitted.get("eot"):
        spec["eot"] = {"true": True, "false": False}.get(submitted["eot"], submitted["eot"])
    left_out = _left_out(submitted)
    if left_out is not None:
        spec["leave_out"] = left_out
    return spec | {"keep_exif": "keep_exif" in submitted}


def _left_out(submitted: Mapping[str, str]) -> list[str] | None:
    """The folders to leave out; None if they are those that are left out by default."""
    if DEFAULT_FIELD not in submitted:
        return None
    chosen = [value for name, value in submitted.items() if name.startswith(LEFT_OUT_FIELD)]
    return None if sorted(chosen) == sorted(submitted[DEFAULT_FIELD].splitlines()) else chosen


def has_advanced_changes(values: Mapping[str, Any], first: Mapping[str, Any], errors: Mapping[str, str]) -> bool:
    """Whether a field under "Advanced" is wrong or differs from its first value.

    Args:
        values: The values of the form.
        first: The values that the form had at first.
        errors: What is wrong, by field.
    """
    changed = any(values[name] not in ("", first[name]) for name in first if name not in _VISIBLE)
    return changed or any(name not in _VISIBLE for name in errors)
