"""What a job was asked to do, in one line: its preset, how visible the noise is, and every setting that was changed."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from api.pages.formatting import format_count
from api.spec_texts import PRESET_TEXTS
from core.specs.protect import INSTANT, ProtectSpec
from core.specs.train import TrainSpec
from store import models as m

_WORDS: Mapping[str, Callable[[Any], str]] = {
    "method": lambda value: str(value).upper(),
    "radius_u": lambda value: f"at most {value} of 255",
    "radius_a": lambda value: f"against adversarial training of {value}",
    "eot": lambda value: "without crops and flips",
    "percentage": lambda value: f"{value} % of the images",
    "format": lambda value: "format as uploaded" if value == "same" else f"as {str(value).upper()}",
    "evidence": lambda value: {"none": "not measured", "quick": "measured", "full": "everything measured"}[value],
    "evidence_minutes": lambda value: f"measured for {value} min" if value else "no limit on measuring",
    "seed": lambda value: f"seed {value}",
    "leave_out": lambda value: f"without {', '.join(value)}" if value else "nothing left out",
    "keep_exif": lambda value: "private EXIF kept",
    "grey": lambda value: "also greyscale",
    "generator_id": lambda value: f"generator {value}",
    "reference_dataset_id": lambda value: "beside classes of another dataset",
}
_FIXED_BY_GENERATOR = ("method", "radius_u", "radius_a")


def request_summary(job: m.Job) -> str:
    """Say in one line what a job was asked to do; jobs with other settings get other lines."""
    if job.kind == m.VERIFY:
        return _verification_summary(job.spec)
    parts = [PRESET_TEXTS[job.spec.get("preset", ProtectSpec().preset)].title, *_changed_settings(job)]
    line = ", ".join(parts)
    if job.kind != m.TRAIN:
        return line
    return f"Generator “{job.spec['name']}”: {line}" if job.spec.get("name") else f"Generator: {line}"


def _changed_settings(job: m.Job) -> list[str]:
    """The settings that differ from the defaults, in words. How visible the noise is comes first and always."""
    spec: ProtectSpec | TrainSpec = TrainSpec() if job.kind == m.TRAIN else ProtectSpec()
    defaults = spec.to_dict()
    requested = {key: value for key, value in job.spec.items() if value is not None}
    by_generator = requested.get("preset") == INSTANT or "generator_id" in requested
    words = [
        str(requested.get("visibility", defaults.get("visibility", f"strength {requested.get('radius_u', 8)} of 255")))
    ]
    for key, value in requested.items():
        if key in ("preset", "visibility", "name") or value == defaults.get(key):
            continue
        if (by_generator and key in _FIXED_BY_GENERATOR) or (key == "radius_u" and "visibility" not in defaults):
            continue
        words.append(_WORDS[key](value) if key in _WORDS else f"{key.replace('_', ' ')} {value}")
    return words


def _verification_summary(spec: Mapping[str, Any]) -> str:
    lists = ("architectures", "trainings", "countermeasures", "percentages")
    rows = math.prod(len(spec.get(name, ())) for name in lists)
    line = f"Verification, {spec.get('scale', 'quick')}: {format_count(rows, 'row')}"
    return f"{line}, only “{spec['protected_class']}” protected" if spec.get("protected_class") else line
