"""The field `protected_class` of a verification: whether a source allows it, and how a report says it. No torch.

The API and the recipe call the same checks, so both refuse the same specs.
"""

from collections.abc import Sequence

from core.errors import FieldError, SpecError
from core.specs.verify import VerifySpec

FIELD = "protected_class"
MAX_NAMED_CLASSES = 20
"""How many classes an error message lists."""
MIN_ALBUM_IMAGES = 20
"""Half of so small an album is tested. Fewer images say next to nothing, and their interval would say so."""


def check_archive(spec: VerifySpec, percentage: int | None) -> None:
    """Check that one class can be verified alone: only where the whole archive is protected.

    Args:
        spec: The verification's spec.
        percentage: Share of the archive's images that are protected; None for a dataset alone.

    Raises:
        SpecError: It names a class, and the archive is not wholly protected.
    """
    if spec.protected_class is None or percentage == 100:
        return
    if percentage is None:
        raise _error("must be left out: nothing in a dataset alone is protected")
    raise _error(f"must be left out: only {percentage} % of this archive is protected, and it is tested as it is")


def check_known(spec: VerifySpec, classes: Sequence[str]) -> None:
    """Check that the dataset has the class that a spec names, if it names one.

    Args:
        spec: The verification's spec.
        classes: Names of the dataset's classes.

    Raises:
        SpecError: There is no such class; the message lists the classes.
    """
    if spec.protected_class is not None and spec.protected_class not in classes:
        others = len(classes) - MAX_NAMED_CLASSES
        more = f" and {others} more" if others > 0 else ""
        raise _error(f"must be a class of the dataset: {', '.join(classes[:MAX_NAMED_CLASSES])}{more}")


def tested_on(count: int, name: str) -> str:
    """The sentence of a report that says which images were tested.

    Args:
        count: Number of the images.
        name: The protected class.
    """
    return f"Tested on the {count:,} clean images of “{name}” alone; the other classes were clean."


def _error(message: str) -> SpecError:
    return SpecError([FieldError(FIELD, message)])
