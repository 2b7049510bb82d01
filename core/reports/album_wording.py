"""How reports say that an album was measured: as one class among others."""

from core.results.evidence import Evidence
from core.results.joined_classes import GIVEN, OPERATOR, OWN_DATASETS, JoinedClasses

ORIGINS = {
    OWN_DATASETS: "from your other datasets",
    OPERATOR: "from images that the operator of this service chose",
    GIVEN: "from the images that were given for this",
}


def describe_joined(joined: JoinedClasses) -> str:
    """The other classes in words: '9 other classes (450 images from your other datasets)'."""
    classes = "1 other class" if joined.classes == 1 else f"{joined.classes} other classes"
    return f"{classes} ({joined.images:,} image{'' if joined.images == 1 else 's'} {ORIGINS[joined.origin]})"


def how_measured(evidence: Evidence) -> str | None:
    """What was done with an album, as a sentence; None for a dataset of several classes."""
    if evidence.joined is None or not evidence.rows:
        return None
    train = evidence.train_images - evidence.joined.images
    return (
        f"The album was one class beside {describe_joined(evidence.joined)}, as when somebody collects images. Models "
        f"learned from {train:,} images of the album, once as uploaded and once as protected. The figures are the "
        f"share of {evidence.test_images:,} other images of the album that they recognize as the album."
    )


def album_caveat(evidence: Evidence) -> str | None:
    """What the figures of an album do not say, as a sentence; None for a dataset of several classes."""
    if evidence.joined is None or not evidence.rows:
        return None
    return (
        "How well an album is recognized depends on what it is beside: also its camera or its light can tell it from "
        "other classes. Beside other images the figures would differ."
    )
