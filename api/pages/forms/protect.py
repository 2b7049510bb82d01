"""The Protect form, and what every form of a spec is drawn from: the spec's own choices and limits, with words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.wording import PRESET_TEXTS
from core.errors import SpecError
from core.specs.protect import EVIDENCE_AMOUNTS, FORMATS, METHODS, PRESET_NAMES, ProtectSpec
from store import models as m

ADVANCED = ("method", "radius_u", "radius_a", "eot", "percentage", "seed")
CHOICES = ("preset", "evidence", "format", "method", "generator_id")
NUMBERS = ("radius_u", "radius_a", "percentage", "seed")


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: the value that is sent, and the words for it."""

    value: str
    label: str
    hint: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a number may be, and what it means."""

    low: int
    high: int
    help: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What the fields of one form are drawn from. `prefix` keeps the ids of two forms on a page apart."""

    prefix: str
    options: Mapping[str, Sequence[Option]]
    limits: Mapping[str, Limit]
    hints: Mapping[str, str]
    values: Mapping[str, Any]
    errors: Mapping[str, str]


STRENGTHS = (
    Option("4", "Gentle", "Nearly impossible to see, and easier to overcome.", "4 of 255"),
    Option("8", "Balanced", "Hard to see. What most published measurements use.", "8 of 255"),
    Option("16", "Strong", "A fine grain shows on smooth areas such as sky.", "16 of 255"),
)
WORDS: dict[str, dict[str, Option]] = {
    "preset": {name: Option(name, title, hint) for name, (title, hint) in PRESET_TEXTS.items()},
    "evidence": {
        "none": Option("none", "Nothing", "Fastest, and you will not know how well it works."),
        "quick": Option("quick", "Before and after", "Trains models on both sets, and compares what they learned."),
        "full": Option("full", "Everything", "More kinds of training, for longer. Takes several times as long."),
    },
    "format": {
        "png": Option("png", "PNG, without loss (recommended)"),
        "same": Option("same", "The same as each upload"),
    },
    "method": {
        "": Option("", "The best one for the chosen thoroughness"),
        "sem": Option("sem", "SEM: stable error-minimizing noise"),
        "rem": Option("rem", "REM: robust error-minimizing noise, as in the paper"),
        "em": Option("em", "EM: error-minimizing noise, without adversarial training"),
        "tap": Option("tap", "TAP: targeted adversarial poisoning, for comparison"),
        "ntga": Option("ntga", "NTGA: neural tangent generalization attack, for comparison"),
    },
    "eot": {
        "true": Option("true", "Yes, where the method does"),
        "false": Option("false", "No, for comparison"),
    },
}
HINTS = {
    "strength": "The largest change of any colour value. More protects better and is easier to see.",
    "preset": "Instant trains nothing. The others train on these pictures: the more thorough, the longer.",
    "evidence": "Without a measurement there is no before and after in the report.",
    "format": "JPEG pictures saved as JPEG again lose some of the noise; PNG files are larger and keep all of it.",
    "method": "The report names the method that ran. SEM and REM alone are made to withstand adversarial training.",
    "eot": "Noise that was not found this way is lost when a model crops and mirrors what it learns from.",
    "generator_id": "One that was trained before saves the training. It brings its own method and strength, and was "
    "not made for these pictures. Instant chooses one that ships.",
}


def fields_of(shown: Mapping[str, Any], errors: Mapping[str, str], *, generators: Sequence[m.Generator] = ()) -> Fields:
    """The Protect form with these values and errors, which offers these generators."""
    return Fields(
        prefix="", options=options(generators), limits=limits(), hints=helps() | HINTS, values=shown, errors=errors
    )


def errors_of(error: SpecError, shown: Mapping[str, Any]) -> dict[str, str]:
    """Each wrong field of a sent Protect form; a strength that was not typed is wrong where it was chosen."""
    found = errors(error)
    if "radius_u" in found and not shown["radius_u"]:
        found["strength"] = found.pop("radius_u")
    return found


def is_advanced(shown: Mapping[str, Any], errors: Mapping[str, str]) -> bool:
    """Whether something under "Advanced" differs from what it is at first, or is wrong."""
    return any(shown[name] not in ("", defaults()[name]) or name in errors for name in ADVANCED)


def options(generators: Sequence[m.Generator] = ()) -> dict[str, list[Option]]:
    """Every choice the spec knows, in its order, and these generators. Raises KeyError for one without words here."""
    known = {"preset": PRESET_NAMES, "evidence": EVIDENCE_AMOUNTS, "format": FORMATS, "method": ("", *METHODS)}
    known |= {"eot": ("true", "false")}
    trained = [Option("", "None but what the thoroughness asks for"), *map(_generator, generators)]
    fixed = {name: [WORDS[name][value] for value in known[name]] for name in known}
    return {"strength": list(STRENGTHS), "generator_id": trained} | fixed


def _generator(row: m.Generator) -> Option:
    """A trained generator as a choice."""
    made = f"{row.method.upper()}, strength {row.radius_u}, up to {row.classes} classes"
    return Option(row.id, f"{row.name} ({made}, {row.size} x {row.size} pixels)")


def limits() -> dict[str, Limit]:
    """The numbers of the spec, with its own limits and help."""
    return {
        name: Limit(field.minimum, field.maximum, _sentence(field.help), field.default is None)
        for name, field in ProtectSpec.spec_fields().items()
        if field.minimum is not None and field.maximum is not None
    }


def helps() -> dict[str, str]:
    """The spec's own words for each of its keys."""
    return {name: _sentence(field.help) for name, field in ProtectSpec.spec_fields().items()}


def defaults() -> dict[str, Any]:
    """What the form shows at first."""
    spec = ProtectSpec()
    shown = {name: "" if value is None else value for name, value in spec.to_dict().items()}
    return shown | {"strength": str(spec.radius_u), "radius_u": "", "eot": "true"}


def values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, to be shown again."""
    return (
        defaults()
        | {name: value for name, value in sent.items() if name in defaults()}
        | {"keep_exif": "keep_exif" in sent}
    )


def asked(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What a sent form asks for, as a spec is parsed from; what was left open is not in it."""
    found = picked(sent, CHOICES, NUMBERS)
    if "radius_u" not in found and "generator_id" not in found and sent.get("strength"):
        found["radius_u"] = _whole(str(sent["strength"]))
    if sent.get("eot"):
        found["eot"] = {"true": True, "false": False}.get(str(sent["eot"]), sent["eot"])
    return found | {"keep_exif": "keep_exif" in sent}


def picked(sent: Mapping[str, Any], choices: Sequence[str], numbers: Sequence[str]) -> dict[str, Any]:
    """Of a sent form these choices as text and these numbers as numbers, where they were filled in."""
    found: dict[str, Any] = {name: str(sent[name]) for name in choices if sent.get(name)}
    return found | {name: _whole(str(sent[name]).strip()) for name in numbers if str(sent.get(name, "")).strip()}


def errors(error: SpecError) -> dict[str, str]:
    """Each wrong field with what is wrong, in a sentence that follows its label."""
    return {e.field: e.message[:1].upper() + e.message[1:] for e in error.errors}


def _whole(text: str) -> int | str:
    """The number as typed; other text as it is, for the spec to refuse with its own words."""
    try:
        return int(text)
    except ValueError:
        return text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
