"""The measurements on a generator's card, as tables.

A card may hold any JSON. Measurements in the form of `core.generators.measurements` become tables and notes; others
are shown as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.pages.formatting import format_count
from core.generators.measurements import ACCURACIES, GENERATOR_NOISE, NOTE, ORIGINALS, TRAINED_ON_IMAGES
from core.reports.wording import as_sentence, capitalize

_ROW_LABELS = {
    ORIGINALS: "The unprotected originals",
    TRAINED_ON_IMAGES: "Noise trained on these images themselves",
    GENERATOR_NOISE: "This generator’s noise",
}


@dataclass(frozen=True, slots=True)
class MeasurementTable:
    """One measurement: test accuracies by what a model was trained on and by how it was trained.

    Attributes:
        title: What was measured.
        caption: The data of the measurement.
        columns: The trainings.
        rows: The label of each row, with an accuracy in per cent for each column; None if it was not measured.
        chance: The accuracy of guessing, in per cent; None if the number of classes is unknown.
        ineffective: The trainings whose accuracy the generator's noise did not lower.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    chance: float | None
    ineffective: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measurements:
    """All measurements on a card.

    Attributes:
        tables: The measurements that were made.
        notes: Sentences on measurements that could not be made.
        other: What has another form, as JSON text.
    """

    tables: tuple[MeasurementTable, ...]
    notes: tuple[str, ...]
    other: str


def parse_measurements(measured: Mapping[str, Any] | None) -> Measurements:
    """Sort the measurements of a card by their form.

    Args:
        measured: The card's `measured`, by title; None if nothing was measured.
    """
    tables, notes, other = [], [], {}
    for title, measurement in (measured or {}).items():
        table, note = _table(title, measurement), _note(title, measurement)
        if table is not None:
            tables.append(table)
        elif note is not None:
            notes.append(note)
        else:
            other[title] = measurement
    other_text = json.dumps(other, indent=2, ensure_ascii=False) if other else ""
    return Measurements(tables=tuple(tables), notes=tuple(notes), other=other_text)


def _note(title: str, measurement: Any) -> str | None:
    if not (isinstance(measurement, Mapping) and isinstance(measurement.get(NOTE), str)):
        return None
    return f"{capitalize(title)}: {as_sentence(measurement[NOTE])}"


def _table(title: str, measurement: Any) -> MeasurementTable | None:
    accuracies = _accuracies(measurement.get(ACCURACIES)) if isinstance(measurement, Mapping) else None
    if not accuracies:
        return None
    radii = sorted({radius for row in accuracies.values() for radius in row})
    names = [*(name for name in _ROW_LABELS if name in accuracies), *(n for n in accuracies if n not in _ROW_LABELS)]
    before, after = accuracies.get(ORIGINALS, {}), accuracies.get(GENERATOR_NOISE, {})
    classes = measurement.get("classes")
    return MeasurementTable(
        title=capitalize(title),
        caption=_caption(measurement),
        columns=tuple(map(_training_name, radii)),
        rows=tuple(
            (_ROW_LABELS.get(name, name), tuple(accuracies[name].get(radius) for radius in radii)) for name in names
        ),
        chance=100 / classes if type(classes) is int and classes > 0 else None,
        ineffective=tuple(_training_name(r) for r in radii if r in before and r in after and after[r] >= before[r]),
    )


def _accuracies(figures: Any) -> dict[str, dict[int, float]] | None:
    """Return accuracies by row and radius; None if the figures have another form."""
    try:
        return {
            str(name): {int(radius): float(accuracy) for radius, accuracy in row.items()}
            for name, row in figures.items()
        }
    except (AttributeError, TypeError, ValueError):
        return None


def _training_name(radius: int) -> str:
    return f"AT {radius}/255" if radius else "Standard training"


def _caption(measurement: Mapping[str, Any]) -> str:
    parts = [f"Data: {measurement['data']}"] if measurement.get("data") else []
    nouns = {"classes": "class", "training_images": "training image", "test_images": "test image"}
    parts += [format_count(measurement[key], noun) for key, noun in nouns.items() if type(measurement.get(key)) is int]
    return ", ".join([*parts, *([f"seed {measurement['seed']}"] if "seed" in measurement else [])])
