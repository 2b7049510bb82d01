"""One protected class among clean ones, as a verification may ask for it: when it can, and what that is in words.

No torch here, so that the API refuses what the recipe would.
"""

from collections.abc import Sequence

from core.errors import FieldError, SpecError
from core.specs.verify import VerifySpec

FIELD = "protected_class"
MOST_NAMED = 20  # classes that a refusal lists


def check_archive(spec: VerifySpec, percentage: int | None) -> None:
    """`percentage` of the archive is protected; None for a dataset alone. Raises SpecError for one that does not do."""
    if spec.protected_class is None or percentage == 100:
        return
    if percentage is None:
        raise _wrong("must be left out: nothing in a dataset alone is protected")
    raise _wrong(f"must be left out: only {percentage} % of this archive are protected, and it is tried as it is")


def check_known(spec: VerifySpec, classes: Sequence[str]) -> None:
    """Raises SpecError, which says which `classes` there are, where the one asked for is none of them."""
    if spec.protected_class is not None and spec.protected_class not in classes:
        more = f" and {len(classes) - MOST_NAMED} more" if len(classes) > MOST_NAMED else ""
        raise _wrong(f"must be a class of the dataset: {', '.join(classes[:MOST_NAMED])}{more}")


def tested_on(count: int, name: str) -> str:
    """What was tested, as a sentence."""
    return f"Tested on the {count:,} clean images of “{name}” alone; the other classes were clean."


def _wrong(message: str) -> SpecError:
    return SpecError([FieldError(FIELD, message)])
