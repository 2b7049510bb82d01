"""When a job will start and how long it takes, in words: on the form before it is requested, and on its page."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from api.pages.formatting import format_duration
from core.errors import SpecError
from core.specs.protect import EVIDENCE_AMOUNTS, PRESET_NAMES, ProtectSpec
from store import models as m
from store.estimates import Estimate, estimate, estimates
from store.queue_places import QueuePlace


def place_in_words(place: QueuePlace | None) -> str:
    """Say where a job waits: "Next in the queue, starts in about 3 minutes"; "Waiting for its turn" if that is unknown.

    Args:
        place: Its place.
    """
    if place is None:
        return "Waiting for its turn"
    position = "Next in the queue" if place.position == 1 else f"{_ordinal(place.position)} in the queue"
    if place.notice is not None:
        return f"{position}. {place.notice}"
    if place.starts_in_seconds is None:
        return position
    return f"{position}, starts in {format_duration(place.starts_in_seconds)}"


def times_in_words(job: m.Job) -> list[tuple[str, str]]:
    """List how long a protection was expected to take, and how long it took, as pairs of a label and a value."""
    expected, took = Estimate.of(job.estimate), Estimate.of(job.measured)
    pairs = []
    for part, label in (("archive", "Until the archive"), ("evidence", "The measurement")):
        words = [format_duration(getattr(took, part))] if took is not None and getattr(took, part) else []
        if expected is not None and getattr(expected, part):
            words.append(f"expected: {format_duration(getattr(expected, part))}")
        if words:
            pairs.append((label, f"{words[0]} ({words[1]})" if len(words) == 2 else words[0]))
    return pairs


def form_estimates(session: Session, dataset: m.Dataset) -> dict[str, dict[str, list[float]]]:
    """How long a protection of this dataset takes, by preset and amount of evidence, for the form.

    Args:
        session: Reads past jobs.
        dataset: The dataset.

    Returns:
        For each preset and amount the seconds until the archive, and the seconds of the evidence without a limit; empty
        while the dataset is checked.
    """
    specs = [
        ProtectSpec(preset=preset, evidence=amount, evidence_minutes=0)
        for preset in PRESET_NAMES
        for amount in EVIDENCE_AMOUNTS
    ]
    found: dict[str, dict[str, list[float]]] = {}
    for spec, expected in zip(specs, estimates(session, specs, dataset), strict=False):  # none before it is checked
        found.setdefault(spec.preset, {})[spec.evidence] = [round(expected.archive), round(expected.evidence)]
    return found


def estimate_in_words(session: Session, dataset: m.Dataset, fields: Mapping[str, Any]) -> str:
    """Say how long a protection takes, as `estimate.js` does when another option is chosen.

    Args:
        session: Reads past jobs.
        dataset: The dataset.
        fields: The spec that the form asks for.
    """
    try:
        expected = estimate(session, ProtectSpec.parse(fields), dataset)
    except SpecError:
        return ""
    if expected is None:
        return ""
    archive = f"The protected images are ready in {format_duration(expected.archive)}"
    evidence = f", the measurement {format_duration(expected.evidence)} later" if expected.evidence else ""
    return f"{archive}{evidence}."


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
