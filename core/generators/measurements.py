"""What was measured of a generator, in the form that its card holds and the pages show. Imports no torch.

A measurement has a title. Under it are its facts, and either test accuracies under ACCURACIES or, under NOTE, the
reason that there are none.
"""

from collections.abc import Mapping
from typing import Any

from core.results.evidence import Evidence

ACCURACIES = "test_accuracy_percent"
NOTE = "note"
ORIGINALS, TRAINED_ON_IMAGES, GENERATOR_NOISE = "the originals", "trained on these", "the generator"
OWN_IMAGES = "The pictures that it was trained on"

AccuracyTable = Mapping[str, Mapping[str, float]]
"""Test accuracies in per cent, by training set (ORIGINALS, TRAINED_ON_IMAGES or GENERATOR_NOISE), then by the radius
of the adversarial training, of 255."""


def measurement(
    accuracies: AccuracyTable, *, data: str, classes: int, training_images: int, test_images: int, seed: int
) -> dict[str, Any]:
    """One measurement, as JSON takes it.

    Args:
        accuracies: Test accuracies in per cent.
        data: Name of the dataset.
        classes: Number of its classes.
        training_images: Number of training images.
        test_images: Number of test images.
        seed: Random seed of the learners.
    """
    return {
        "data": data,
        "classes": classes,
        "training_images": training_images,
        "test_images": test_images,
        "seed": seed,
        ACCURACIES: {name: dict(by_radius) for name, by_radius in accuracies.items()},
    }


def measurements_from(evidence: Evidence, *, data: str, classes: int, seed: int) -> dict[str, Any]:
    """The measurements on the images that a generator was trained on, by title: one for each countermeasure.

    Args:
        evidence: What was measured. Without rows its note is the only entry.
        data: Name of the dataset.
        classes: Number of its classes.
        seed: Random seed of the learners.
    """
    if not evidence.rows:
        return {OWN_IMAGES: {NOTE: evidence.note}}
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for row in evidence.rows:
        title = OWN_IMAGES if row.countermeasure is None else f"{OWN_IMAGES}, {row.countermeasure} first"
        table = tables.setdefault(title, {ORIGINALS: {}, GENERATOR_NOISE: {}})
        table[ORIGINALS][str(row.radius)] = round(100 * row.accuracy_before, 2)
        table[GENERATOR_NOISE][str(row.radius)] = round(100 * row.accuracy_after, 2)
    facts = {"training_images": evidence.train_images, "test_images": evidence.test_images}
    return {
        title: measurement(table, data=data, classes=classes, seed=seed, **facts) for title, table in tables.items()
    }


def standard_figures(measured: Mapping[str, Any] | None) -> str | None:
    """The first measurement with standard training in words, such as for a dataset that nothing can be measured on.

    Args:
        measured: The measurements of a card by title, as any JSON.

    Returns:
        Words to follow a colon; None if there is no such measurement.
    """
    for title, one in (measured or {}).items():
        accuracies = one.get(ACCURACIES) if isinstance(one, Mapping) else None
        if not isinstance(accuracies, Mapping):
            continue
        before, after = (accuracies.get(name) for name in (ORIGINALS, GENERATOR_NOISE))
        before, after = (arm.get("0") if isinstance(arm, Mapping) else None for arm in (before, after))
        if isinstance(before, int | float) and isinstance(after, int | float):
            return f"on {title}, models trained on the protected images reach {after:.0f} % instead of {before:.0f} %"
    return None
