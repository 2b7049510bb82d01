"""The texts of the pages for states and stages, and for what the protection does and does not do."""

from dataclasses import dataclass

from api.spec_texts import CAVEATS
from core.specs.stages import STAGES
from store import models as m


@dataclass(frozen=True, slots=True)
class StageLabel:
    """The texts for one stage of a job.

    Attributes:
        name: A short name, for the list of stages.
        activity: What the job does in this stage.
    """

    name: str
    activity: str


_STAGES = {
    "unpacking": StageLabel("Unpack", "Unpacking your files"),
    "decoding": StageLabel("Read images", "Reading every image"),
    "training": StageLabel("Train a model", "Training the model that is used to find the noise"),
    "noise": StageLabel("Make the noise", "Making the noise for every image"),
    "writing": StageLabel("Write images", "Writing the protected images"),
    "evidence": StageLabel("Test it", "Training models on the originals and on the protected images, to compare them"),
    "report": StageLabel("Report", "Measuring how visible the noise is, and writing the report"),
}
assert tuple(_STAGES) == STAGES, "every stage needs its label, in the order of the stages"

_TRAIN_STAGES = {  # in another order: the measurement is written into the generator's file
    "unpacking": _STAGES["unpacking"],
    "decoding": _STAGES["decoding"],
    "training": StageLabel("Train", "Training the generator"),
    "grey": StageLabel("Train in greyscale", "Training a second model, on images converted to greyscale"),
    "network": StageLabel("Train a network", "Training a network that predicts the noise in one pass"),
    "noise": StageLabel("Try it", "Making noise for the images that the generator was trained on"),
    "evidence": _STAGES["evidence"],
    "writing": StageLabel("Save it", "Writing the generator’s file"),
}

DATASET_STATES = {"uploading": "Uploading", "checking": "Checking", "ready": "Ready", "rejected": "Cannot be used"}
JOB_STATES = {
    "queued": "Waiting",
    "running": "Working",
    "succeeded": "Done",
    "failed": "Failed",
    "canceled": "Canceled",
}
JOB_STATE_SENTENCES = {"queued": "Waiting for its turn", "running": "Starting", "canceled": "You canceled it"}

LAYOUT_NAMES = {
    "classes": "class folders",
    "splits": "class folders for training and for testing",
    "labels": "files of labels",
    "album": "one album",
}

EFFECTS = (
    "Models that are trained on the protected images shall learn less from them. The service can measure whether they "
    "do on your own images: it trains models on the originals and on the protected images.",
    "In PNG files, no pixel value changes by more than the strength that you choose, out of 255.",
)
LIMITATIONS = tuple(line.replace("radius_u", "the strength") for line in CAVEATS)


def stage_labels(kind: str) -> dict[str, StageLabel]:
    """Return the label of every stage of a job, in the order of the stages.

    Args:
        kind: The kind of the job, such as `m.TRAIN`.
    """
    return _TRAIN_STAGES if kind == m.TRAIN else _STAGES
