"""What was measured of a generator, as tables: from the JSON on its card, which may be in any form.

Read is the form of `core.generators.measurements`; whatever else is there is shown as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.pages.labels import count
from core.generators.measurements import FIGURES, GENERATOR, NOTE, ORIGINALS, TRAINED
from core.reports.wording import as_sentence, capitalize

ROWS = {
    ORIGINALS: "The originals, unprotected",
    TRAINED: "Noise trained on these pictures themselves",
    GENERATOR: "This generator’s noise",
}


@dataclass(frozen=True, slots=True)
class Table:
    """One measurement: accuracies in per cent by what was trained on and by how; None where nothing was measured.

    `chance` is what guessing gets right, in per cent; `no_use` names the trainings in which the generator's noise
    lowered nothing.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    chance: float | None
    no_use: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a card says was measured: tables, sentences on what could not be, and the rest as JSON."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    other: str


def read(measured: Mapping[str, Any] | None) -> Measured:
    """What there is of each kind in a card's `measured`; empty where there is nothing."""
    tables, notes, other = [], [], {}
    for title, one in (measured or {}).items():
        table, note = _table(title, one), _note(title, one)
        if table is not None:
            tables.append(table)
        elif note is not None:
            notes.append(note)
        else:
            other[title] = one
    rest = json.dumps(other, indent=2, ensure_ascii=False) if other else ""
    return Measured(tables=tuple(tables), notes=tuple(notes), other=rest)


def _note(title: str, one: Any) -> str | None:
    """Why nothing was measured; None where this is something else."""
    if not (isinstance(one, Mapping) and isinstance(one.get(NOTE), str)):
        return None
    return f"{capitalize(title)}: {as_sentence(one[NOTE])}"


def _table(title: str, one: Any) -> Table | None:
    figures = _figures(one.get(FIGURES)) if isinstance(one, Mapping) else None
    if not figures:
        return None
    radii = sorted({radius for row in figures.values() for radius in row})
    names = [*(name for name in ROWS if name in figures), *(name for name in figures if name not in ROWS)]
    before, after = figures.get(ORIGINALS, {}), figures.get(GENERATOR, {})
    classes = one.get("classes")
    return Table(
        title=title[:1].upper() + title[1:],
        caption=_caption(one),
        columns=tuple(map(_training, radii)),
        rows=tuple((ROWS.get(name, name), tuple(figures[name].get(radius) for radius in radii)) for name in names),
        chance=100 / classes if type(classes) is int and classes > 0 else None,
        no_use=tuple(_training(r) for r in radii if r in before and r in after and after[r] >= before[r]),
    )


def _figures(found: Any) -> dict[str, dict[int, float]] | None:
    """Accuracies by row and radius; None where this is something else."""
    try:
        return {str(name): {int(radius): float(share) for radius, share in row.items()} for name, row in found.items()}
    except (AttributeError, TypeError, ValueError):
        return None


def _training(radius: int) -> str:
    return f"AT {radius}/255" if radius else "Standard training"


def _caption(one: Mapping[str, Any]) -> str:
    """On what was measured, as far as it is said."""
    said = [f"Data: {one['data']}"] if one.get("data") else []
    nouns = {"classes": "class", "training_images": "training picture", "test_images": "test picture"}
    said += [count(one[key], noun) for key, noun in nouns.items() if type(one.get(key)) is int]
    return ", ".join([*said, *([f"seed {one['seed']}"] if "seed" in one else [])])
