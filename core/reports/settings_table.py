"""The spec of a protection as a table: each setting with its value in words and its meaning. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.reports.templating import value_text
from core.reports.wording import as_sentence
from core.specs.protect import ProtectSpec

LABELS = {
    "preset": "Preset",
    "method": "Method",
    "visibility": "How visible",
    "radius_u": "Noise radius",
    "radius_a": "Adversarial radius",
    "eot": "Random crops and flips",
    "percentage": "Share of images protected",
    "format": "Format",
    "evidence": "Amount of evidence",
    "evidence_minutes": "Time for the evidence",
    "seed": "Seed",
    "keep_exif": "Private EXIF",
    "leave_out": "Folders left out",
    "generator_id": "Generator",
    "reference_dataset_id": "Classes beside the album",
}
LEFT_OUT_WITHOUT_VALUE = ("generator_id", "reference_dataset_id")
UNITS = {"radius_u": "of 255", "radius_a": "of 255", "percentage": "%", "evidence_minutes": "min"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting.

    Attributes:
        key: Its key in the spec.
        label: Its name.
        value: Its value, with the unit.
        meaning: What it does, in a sentence.
    """

    key: str
    label: str
    value: str
    meaning: str


def settings_rows(spec: Mapping[str, Any]) -> list[SettingRow]:
    """The settings of a spec in its order; what was not chosen, such as a generator, is left out.

    Args:
        spec: `ProtectSpec.to_dict()`, perhaps of an earlier release.
    """
    return [
        SettingRow(key=key, label=LABELS.get(key, _label(key)), value=_value(key, value), meaning=_meaning(key))
        for key, value in spec.items()
        if value is not None or key not in LEFT_OUT_WITHOUT_VALUE
    ]


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _value(key: str, value: Any) -> str:
    text = value_text(value)
    return f"{text}\u00a0{UNITS[key]}" if key in UNITS and value is not None else text


def _meaning(key: str) -> str:
    field = ProtectSpec.model_fields.get(key)
    return as_sentence(field.description) if field is not None and field.description else ""
