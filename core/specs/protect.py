"""What can be asked of a protection: one frozen, validated value. Imports no torch, so the API uses it too.

Radii are in pixel units, of 255. The default of `method` is the preset's (`core.specs.presets`).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from core.errors import FieldError, SpecError

METHODS = ("sem", "rem", "em", "tap", "ntga")
INSTANT = "instant"  # the preset that trains nothing
TRAINING_PRESETS = ("quick", "standard", "paper")
PRESETS = (INSTANT, *TRAINING_PRESETS)
FORMATS = ("png", "same")
EVIDENCE = ("none", "quick", "full")

DEFAULT_RADIUS_A = 4
WITHOUT_SURROGATE = ("ntga",)  # methods that train no network, so there is nothing to keep as a generator
OF_TRAINING = ("preset", "method", "radius_u", "radius_a", "evidence", "seed")  # keys that train a generator


def _choice(default: str | None, choices: tuple[str, ...], help: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": help})


def _whole(default: int | None, low: int, high: int, help: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectSpec:
    """How to protect a dataset. `None` means: what the preset, or radius_u, makes of it.

    Raises SpecError, which names every field that is out of range.
    """

    preset: str = _choice(
        "quick",
        PRESETS,
        "instant: by a generator that ships, trained beforehand, with its own method and radii; quick: two CPU cores; "
        "standard: a GPU, minutes; paper: the paper's settings, days",
    )
    method: str | None = _choice(
        None, METHODS, "which noise; default: the preset's, the one measured strongest for its time"
    )
    radius_u: int = _whole(8, 1, 64, "largest change of a pixel, of 255")
    radius_a: int | None = _whole(
        None,
        0,
        63,
        "radius of the adversarial training to withstand, of 255; default 4, or half of radius_u if that is less",
    )
    eot: bool = field(
        default=True,
        metadata={
            "help": "find the noise through random crops and mirrors, where the method does; without, rem loses its "
            "protection against adversarial training (Fu et al. 2022, Table 4)"
        },
    )
    percentage: int = _whole(100, 1, 100, "share of the images that are protected, in per cent")
    format: str = _choice("png", FORMATS, "png (lossless), or same: each file's own format, JPEG at a high quality")
    evidence: str = _choice("quick", EVIDENCE, "how much to measure: none, quick, or full (more radii, more training)")
    seed: int = _whole(0, 0, 2**32 - 1, "the same seed gives the same noise on the same machine")
    keep_exif: bool = field(
        default=False, metadata={"help": "keep private EXIF, such as GPS; removed unless asked to stay"}
    )
    generator_id: str | None = field(
        default=None,
        metadata={
            "pattern": r"^[A-Za-z0-9_-]{1,32}$",
            "help": "a trained generator to make the noise with, instead of training on these images; it brings its "
            "own method and radii",
        },
    )

    def __post_init__(self) -> None:
        errors = [e for f in fields(self) for e in _range_errors(f.name, getattr(self, f.name), f.metadata)]
        if not errors:
            errors = self._radius_errors()
        if errors:
            raise SpecError(errors)

    def _radius_errors(self) -> list[FieldError]:
        if self.radius_a is not None and self.radius_a >= self.radius_u:
            return [
                FieldError(
                    "radius_a",
                    f"must be less than radius_u ({self.radius_u}): with radius_u <= radius_a the noise cannot lower "
                    "the loss below that of clean images even in standard training (Fu et al. 2022, section 4.2)",
                )
            ]
        return []

    @property
    def adversarial_radius(self) -> int:
        """radius_a as asked, or its default, in pixel units of 255."""
        return min(DEFAULT_RADIUS_A, self.radius_u // 2) if self.radius_a is None else self.radius_a

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> "ProtectSpec":
        """A spec from untrusted keys and values; raises SpecError with every unknown key and bad value."""
        known = {f.name for f in fields(cls)}
        unknown = [
            FieldError(str(k), f"unknown key; known are {', '.join(sorted(known))}") for k in mapping if k not in known
        ]
        try:
            spec = cls(**{k: v for k, v in mapping.items() if k in known})
        except SpecError as error:
            raise SpecError([*unknown, *error.errors]) from None
        if unknown:
            raise SpecError(unknown)
        return spec

    @classmethod
    def parse_training(cls, mapping: Mapping[str, Any]) -> "ProtectSpec":
        """As `parse`, for the training of a generator, where only the keys in OF_TRAINING mean anything."""
        wrong = [
            FieldError(str(k), f"unknown key for training; known are {', '.join(OF_TRAINING)}")
            for k in mapping
            if k not in OF_TRAINING
        ]
        if mapping.get("method") in WITHOUT_SURROGATE:
            wrong.append(FieldError("method", f"{mapping['method']} trains no network that could be kept"))
        if mapping.get("preset") == INSTANT:
            known = ", ".join(TRAINING_PRESETS)
            wrong.append(FieldError("preset", f"must be one of {known}: {INSTANT} trains nothing"))
        try:
            spec = cls.parse({k: v for k, v in mapping.items() if k in OF_TRAINING})
        except SpecError as error:
            raise SpecError([*wrong, *error.errors]) from None
        if wrong:
            raise SpecError(wrong)
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as JSON takes it; `parse` reads it back."""
        return asdict(self)


def json_schema(cls: type = ProtectSpec) -> dict[str, Any]:
    """The JSON Schema of a spec class, from the same metadata that validates it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {f.name: _property_schema(f.default, f.metadata) for f in fields(cls)},
    }


def _property_schema(default: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": metadata["help"], "default": default}
    if "choices" in metadata:
        options = [*metadata["choices"], *([None] if default is None else [])]
        return schema | {"enum": options}
    if "pattern" in metadata:
        return schema | {"type": ["string", "null"], "pattern": metadata["pattern"]}
    if "low" in metadata:
        kind: Any = ["integer", "null"] if default is None else "integer"
        return schema | {"type": kind, "minimum": metadata["low"], "maximum": metadata["high"]}
    return schema | {"type": "boolean"}


def _range_errors(name: str, value: Any, metadata: Mapping[str, Any]) -> list[FieldError]:
    if value is None and name in ("method", "radius_a", "generator_id"):
        return []
    if "choices" in metadata:
        if value not in metadata["choices"]:
            return [FieldError(name, f"must be one of {', '.join(metadata['choices'])}")]
    elif "low" in metadata:
        low, high = metadata["low"], metadata["high"]
        if type(value) is not int or not low <= value <= high:
            return [FieldError(name, f"must be a whole number from {low} to {high}")]
    elif "pattern" in metadata:
        if type(value) is not str or re.fullmatch(metadata["pattern"], value) is None:
            return [FieldError(name, "must be the id of a generator, such as /v1/generators lists")]
    elif type(value) is not bool:
        return [FieldError(name, "must be true or false")]
    return []
