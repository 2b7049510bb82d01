"""What was measured of a generator, in the form that its card has it: written here, and read by the pages. No torch.

A measurement has a title. Under it stand its facts and, under FIGURES, test accuracies in per cent by what was learned
from and by the radius of the adversarial training; or under NOTE why there are none.
"""

from collections.abc import Mapping
from typing import Any

from core.results.evidence import Evidence

FIGURES, NOTE = "test_accuracy_percent", "note"
ORIGINALS, TRAINED, GENERATOR = "the originals", "trained on these", "the generator"
OWN = "The pictures that it was trained on"

Accuracies = Mapping[str, Mapping[str, float]]
"""By what was learned from (ORIGINALS, …) and by the radius of 255: test accuracy in per cent."""


def outcome(
    accuracies: Accuracies, *, data: str, classes: int, training_images: int, test_images: int, seed: int
) -> dict[str, Any]:
    """One measurement, as JSON takes it."""
    return {
        "data": data,
        "classes": classes,
        "training_images": training_images,
        "test_images": test_images,
        "seed": seed,
        FIGURES: {row: dict(found) for row, found in accuracies.items()},
    }


def of_evidence(evidence: Evidence, *, data: str, classes: int, seed: int) -> dict[str, Any]:
    """Measurements by title: one for learners as they are, and one for each countermeasure; or why there is none."""
    if not evidence.rows:
        return {OWN: {NOTE: evidence.note}}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in evidence.rows:
        title = OWN if row.countermeasure is None else f"{OWN}, {row.countermeasure} first"
        figures = found.setdefault(title, {ORIGINALS: {}, GENERATOR: {}})
        figures[ORIGINALS][str(row.radius)] = round(100 * row.accuracy_before, 2)
        figures[GENERATOR][str(row.radius)] = round(100 * row.accuracy_after, 2)
    facts = {"training_images": evidence.train_images, "test_images": evidence.test_images}
    return {title: outcome(figures, data=data, classes=classes, seed=seed, **facts) for title, figures in found.items()}
