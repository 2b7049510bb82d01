"""The Jinja environment of the reports, the script of their pages, and values as text. No torch."""

import base64
import hashlib
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.reports.verdict import outcome_of
from core.reports.wording import capitalize, format_change, format_changes, format_interval, format_runs, percent

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT = (Path(__file__).parent / "scripts" / "compare.js").read_text("utf-8")
"""The only script of a report's page; the pages of the service load the same file. Where it may not run, the page shows
the images side by side."""

SCRIPT_SOURCE = "'sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii") + "'"
"""SCRIPT as a Content-Security-Policy allows it: no other script runs."""


def environment() -> Environment:
    """The templates and their filters. Every value is escaped, and a missing value is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {
        "percent": percent,
        "interval": format_interval,
        "runs": format_runs,
        "change": format_change,
        "changes": format_changes,
        "duration": duration,
        "outcome": outcome_of,
        "capital": capitalize,
    }
    environment.globals |= {"script": Markup(SCRIPT), "script_source": SCRIPT_SOURCE}
    return environment


def _printable(value: Any) -> Any:
    """Text whose control characters and lone surrogates are replaced by U+FFFD."""
    if type(value) is not str:  # Markup comes from the template
        return value
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in value)


def duration(seconds: float) -> str:
    """Seconds as '0.4 s', '48 s', '4 min 12 s' or '2 h 3 min'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def definitions(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys and values of a mapping as text, in its order."""
    return [(key.replace("_", " "), value_text(value)) for key, value in values.items()]


def value_text(value: Any) -> str:
    """A value of a spec as text: None as 'default', and a boolean as 'yes' or 'no'."""
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
