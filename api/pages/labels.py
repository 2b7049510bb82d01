"""What people read: states, stages and choices in plain words, and amounts as people say them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from api.wording import CAVEATS
from core.specs.stages import STAGES
from store import models as m


@dataclass(frozen=True, slots=True)
class StageWords:
    """One stage: its name in the strip, and what is being done."""

    label: str
    doing: str


STAGE_WORDS = {
    "unpacking": StageWords("Unpack", "Unpacking your files"),
    "decoding": StageWords("Look at pictures", "Looking at every picture"),
    "training": StageWords("Learn the set", "Training a model to find what others would learn"),
    "noise": StageWords("Make the noise", "Making the noise for every picture"),
    "writing": StageWords("Write pictures", "Writing the protected pictures"),
    "evidence": StageWords("Test it", "Training models on both sets, to see what is learned"),
    "report": StageWords("Report", "Writing the report"),
}
assert tuple(STAGE_WORDS) == STAGES, "every stage has its words, in order"
_TRAINING_WORDS = {  # another order, too: what is measured goes into the file
    "unpacking": STAGE_WORDS["unpacking"],
    "decoding": STAGE_WORDS["decoding"],
    "training": StageWords("Train", "Training the generator"),
    "grey": StageWords("Train in grey", "Training a second model, on pictures turned grey"),
    "network": StageWords("Make it fast", "Training a network that makes the noise at once"),
    "noise": StageWords("Try it", "Making noise for the pictures that it was trained on"),
    "evidence": STAGE_WORDS["evidence"],
    "writing": StageWords("Keep it", "Writing the generator’s file"),
}

DATASET_STATES = {"uploading": "Uploading", "checking": "Checking", "ready": "Ready", "rejected": "Cannot be used"}
JOB_STATES = {
    "queued": "Waiting",
    "running": "Working",
    "succeeded": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
}
JOB_LINES = {"queued": "Waiting for its turn", "running": "Starting", "canceled": "You stopped it"}

DOES = (
    "Models trained on the protected pictures learn less from them. How much less is measured on your own pictures, "
    "with models trained on both sets.",
    "In PNG, no colour value of a picture changes by more than the strength you choose, out of 255.",
)
DOES_NOT = tuple(line.replace("radius_u", "the strength") for line in CAVEATS)


def stage_words(kind: str) -> dict[str, StageWords]:
    """The words of every stage in a job of this kind, in their order."""
    return _TRAINING_WORDS if kind == m.TRAIN else STAGE_WORDS


def number(value: int) -> str:
    """1234 as '1,234'."""
    return f"{value:,}"


def count(value: int, noun: str) -> str:
    """(1, 'class') as '1 class', (3, 'class') as '3 classes'."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{value:,} {noun if value == 1 else plural}"


def size(value: int | None) -> str:
    """12300000 as '12.3 MB'."""
    amount, units = float(value or 0), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    digits = 0 if units[0] == "bytes" or amount >= 100 else 1
    return f"{amount:.{digits}f} {units[0]}"


def duration(seconds: float) -> str:
    """200 as 'about 3 minutes'."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} seconds"
    if seconds < 90:
        return "about a minute"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    if seconds < 36 * 3600:
        return f"about {round(seconds / 3600)} hours"
    return f"about {round(seconds / 86400)} days"


def moment(when: datetime) -> Markup:
    """A time in UTC, which the page's script rewrites in the reader's own zone."""
    utc = when.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%d %b %Y, %H:%M} UTC"
    )
