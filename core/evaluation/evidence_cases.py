"""The rows of the evidence: which learners are trained, at which size, and what they do to the images first."""

from dataclasses import dataclass

from core.results.training_names import learner_name
from core.specs.catalog import LEARNER_LABELS, PRETRAINED_LABELS, PROBE
from core.specs.photographs import FINE_SIZE, PHOTOGRAPH_SIZE
from core.specs.small_images import MAX_SMALL_EDGE

CHEAP_COUNTERMEASURES = ("jpeg-75", "greyscale")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceCase:
    """What one row measures.

    Attributes:
        learner: Name of the learner, a key of LEARNER_LABELS.
        size: Side in pixels of the images that it sees; None for the size at which the noise was made.
        radius: Of the adversarial training, of 255; 0 is standard training.
        countermeasure: What the learner does to the images first; None for nothing.
    """

    learner: str
    size: int | None = None
    radius: int = 0
    countermeasure: str | None = None

    @property
    def name(self) -> str:
        """How this row is called in reports."""
        return learner_name(LEARNER_LABELS[self.learner], self.size, "Linf", self.radius, self.countermeasure)

    @property
    def key(self) -> str:
        """The name of its curves in checkpoints, before the arm."""
        return f"curve-{self.learner}-{self.size}-{self.radius}-{self.countermeasure}"

    @property
    def is_pretrained(self) -> bool:
        """Whether the learner starts from pretrained weights."""
        return self.learner in PRETRAINED_LABELS


def small_image_cases(amount: str, radius_a: int, *, learner: str) -> list[EvidenceCase]:
    """The rows for small images, at the size at which the noise was made.

    Args:
        amount: "none", "quick" (standard training, adversarial training, greyscale) or "full" (half of the radius and
            CHEAP_COUNTERMEASURES as well).
        radius_a: Radius of the adversarial training, of 255.
        learner: The network, with random weights at first.
    """
    radii = {"none": [], "quick": [0, radius_a], "full": [0, radius_a // 2, radius_a]}[amount]
    countermeasures = {"none": (), "quick": ("greyscale",), "full": CHEAP_COUNTERMEASURES}[amount]
    return [
        *(EvidenceCase(learner=learner, radius=radius) for radius in dict.fromkeys(radii)),
        *(EvidenceCase(learner=learner, countermeasure=name) for name in countermeasures),
    ]


def photograph_cases(amount: str, radius_a: int, *, learner: str, has_pretrained: bool) -> list[EvidenceCase]:
    """The rows for photographs, the most important first: those at the end are left out if the time does not suffice.

    Args:
        amount: "none", "quick" (fine-tuned and from scratch, as they are and turned greyscale) or "full" (adversarial
            training, other sizes, a linear probe and JPEG as well).
        radius_a: Radius of the adversarial training, of 255.
        learner: The network that starts from random weights.
        has_pretrained: Whether pretrained weights are there; without them their rows are missing.
    """
    tuned, scratch = ("pretrained-finetune", PHOTOGRAPH_SIZE), (learner, PHOTOGRAPH_SIZE)
    rows: list[tuple[tuple[str, int], int, str | None]] = [
        (tuned, 0, None),
        (scratch, 0, None),
        (tuned, 0, "greyscale"),
        (scratch, 0, "greyscale"),
    ]
    if amount == "full":
        rows += [
            ((PROBE, PHOTOGRAPH_SIZE), 0, None),
            *((scratch, radius, None) for radius in dict.fromkeys((radius_a // 2, radius_a)) if radius),
            (tuned, 0, "jpeg-75"),
            (scratch, 0, "jpeg-75"),
            ((learner, MAX_SMALL_EDGE), 0, None),
            (("pretrained-finetune", FINE_SIZE), 0, None),
            *((tuned, radius, None) for radius in (radius_a,) if radius),
        ]
    cases = [EvidenceCase(learner=name, size=size, radius=r, countermeasure=c) for (name, size), r, c in rows]
    return [] if amount == "none" else [case for case in cases if has_pretrained or not case.is_pretrained]
