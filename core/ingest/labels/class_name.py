"""The name of a class as a label file states it."""

import unicodedata

from core.filenames import MAX_NAME_CHARS
from core.specs.protect import NO_LABEL


def class_name(value: object) -> str | None:
    """A label as the name of a class.

    Args:
        value: Text, a number or a truth value.

    Returns:
        The name, in one line and at most MAX_NAME_CHARS characters long; None for no label.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        return None
    text = " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in str(value)).split())
    return text[:MAX_NAME_CHARS] if text and text.lower() not in ("nan", "none", "null") and text != NO_LABEL else None
