"""The fields of forms: the options, ranges and help texts of a spec, and the values that were submitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.spec_texts import PRESET_TEXTS
from core.errors import SpecError
from core.reports.wording import capitalize
from core.specs.protect import (
    EVIDENCE_AMOUNTS,
    FORMATS,
    LAYOUTS,
    METHODS,
    PASS_THROUGH,
    PRESET_NAMES,
    ProtectSpec,
)
from core.specs.visibility import VISIBILITIES


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a field.

    Attributes:
        value: What the form sends.
        label: The name of the option on the page.
        hint: A sentence about the option.
        amount: A short figure, such as '8 of 255'.
    """

    value: str
    label: str
    hint: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class FieldRange:
    """The range of a numeric field.

    Attributes:
        low: The smallest number.
        high: The largest number.
        help: What the number means.
        optional: Whether the field may be empty.
    """

    low: int
    high: int
    help: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFields:
    """What `parts/fields.html` needs to render the fields of one form.

    Attributes:
        prefix: Begins every id, so that two forms on one page have different ids.
        options: The options of each field with a choice.
        ranges: The range of each numeric field.
        hints: The help text of each field.
        values: The value of each field.
        errors: What is wrong, by field.
    """

    prefix: str
    options: Mapping[str, Sequence[Option]]
    ranges: Mapping[str, FieldRange]
    hints: Mapping[str, str]
    values: Mapping[str, Any]
    errors: Mapping[str, str]


OPTION_LABELS: dict[str, dict[str, Option]] = {
    "preset": {name: Option(name, title, hint) for name, (title, hint) in PRESET_TEXTS.items()},
    "visibility": {
        "subtle": Option("subtle", "Subtle", "The hardest to see, with the least noise."),
        "balanced": Option(
            "balanced",
            "Balanced",
            "Shows in smooth areas when compared with the original.",
        ),
        "strong": Option("strong", "Strong", "A texture shows in smooth areas such as sky."),
    },
    "evidence": {
        "none": Option("none", "Nothing", "Fastest. The report does not say how well the protection works."),
        "quick": Option("quick", "Before and after", "Trains models on the originals and on the protected images."),
        "full": Option("full", "Everything", "Tests more kinds of training. Takes several times as long."),
    },
    "format": {
        "same": Option("same", "As uploaded: JPEG stays JPEG, at most 1.5 times as large"),
        "png": Option("png", "PNG: lossless, several times as large for photos"),
    },
    "layout": {
        "auto": Option("auto", "As understood, see “Classes” on this page"),
        "classes": Option("classes", "The folder that it lies in"),
        "splits": Option("splits", "The folder that it lies in, inside a train or test folder"),
        "album": Option("album", "Nothing: all images are one album"),
        "labels": Option("labels", "A file of labels beside the images"),
    },
    "pass_through": {
        "labels": Option("labels", "Files of labels and .txt are kept, others left out"),
        "all": Option("all", "All are kept, unread and unprotected"),
        "none": Option("none", "All are left out"),
    },
    "method": {
        "": Option("", "The best one: textures for photographs, else that of the chosen thoroughness"),
        "sem": Option("sem", "SEM: stable error-minimizing noise"),
        "rem": Option("rem", "REM: robust error-minimizing noise, as in the paper"),
        "em": Option("em", "EM: error-minimizing noise, without adversarial training"),
        "tap": Option("tap", "TAP: targeted adversarial poisoning, for comparison"),
        "texture": Option("texture", "Textures: a pattern for each class, for photographs"),
        "ntga": Option("ntga", "NTGA: neural tangent generalization attack, for comparison"),
    },
    "eot": {
        "true": Option("true", "Yes, if the method supports it"),
        "false": Option("false", "No, for comparison"),
    },
}
"""The label of every option of the specs, by field and value."""


def spec_options() -> dict[str, list[Option]]:
    """List the options of each field of the specs, in the order of the spec.

    Raises:
        KeyError: A value of the spec has no label.
    """
    values = {"preset": PRESET_NAMES, "evidence": EVIDENCE_AMOUNTS, "format": FORMATS, "method": ("", *METHODS)}
    values |= {"eot": ("true", "false"), "visibility": VISIBILITIES}
    values |= {"layout": LAYOUTS, "pass_through": PASS_THROUGH}
    return {name: [OPTION_LABELS[name][value] for value in values[name]] for name in values}


def spec_ranges() -> dict[str, FieldRange]:
    """Return the range of each numeric field of the protection spec."""
    return {
        name: FieldRange(field.minimum, field.maximum, capitalize(field.help), field.default is None)
        for name, field in ProtectSpec.spec_fields().items()
        if field.minimum is not None and field.maximum is not None
    }


def spec_hints() -> dict[str, str]:
    """Return the help text of each field of the protection spec."""
    return {name: capitalize(field.help) for name, field in ProtectSpec.spec_fields().items()}


def filled_fields(submitted: Mapping[str, str], *, texts: Sequence[str], numbers: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a submitted form that are not empty.

    Args:
        submitted: The submitted values by field.
        texts: The names of the fields that stay text.
        numbers: The names of the fields that become integers.
    """
    found: dict[str, Any] = {name: submitted[name] for name in texts if submitted.get(name)}
    return found | {name: integer_or_text(submitted[name]) for name in numbers if submitted.get(name, "").strip()}


def integer_or_text(text: str) -> int | str:
    """Return the integer in a text, or the text itself, which the spec then refuses with its own message."""
    try:
        return int(text)
    except ValueError:
        return text.strip()


def error_messages(error: SpecError) -> dict[str, str]:
    """Return what is wrong by field, as sentences that begin with a capital."""
    return {e.field: capitalize(e.message) for e in error.errors}
