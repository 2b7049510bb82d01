"""The other classes that an album joins, so that models have something to tell it from. Imports no torch."""

from dataclasses import dataclass

OWN_DATASETS, OPERATOR, GIVEN = "own-datasets", "operator", "given"
"""Where the other classes come from: other datasets of the album's owner, images that the operator of the service
chose, or images that the caller named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedClasses:
    """The other classes of an album's evidence. Their names stay out: a report is part of an archive to publish.

    Attributes:
        origin: OWN_DATASETS, OPERATOR or GIVEN.
        classes: Number of other classes.
        images: Number of their images, none of which was tested on.
    """

    origin: str
    classes: int
    images: int
