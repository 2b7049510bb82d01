"""What the pages of core share: their templates, and values in words. No torch here."""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.reports.wording import outcome, percent, span


def environment() -> Environment:
    """The templates of core, with the filters they use; every value is escaped, and a missing one is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {"percent": percent, "span": span, "duration": duration, "outcome": outcome}
    return environment


def _printable(value: Any) -> Any:
    """A name as text that can be shown: control characters and lone surrogates become the replacement character."""
    if type(value) is not str:  # Markup is the template's own
        return value
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in value)


def duration(seconds: float) -> str:
    """Seconds in words: '0.4 s', '48 s', '4 min 12 s', '2 h 3 min'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys and values of a mapping for people, in its order."""
    return [(key.replace("_", " "), _plain_value(value)) for key, value in values.items()]


def _plain_value(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
