"""What can be asked of a verification: one frozen, validated value. Imports no torch, so the API uses it too.

Its rows are every combination of what is listed. Radii are in pixel units, of 255, in every norm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import Any

from core.errors import FieldError, SpecError
from core.specs.countermeasure_catalog import NAMES as COUNTERMEASURES
from core.specs.learner_catalog import ARCHITECTURES, NORMS
from core.specs.presets import PRESETS
from core.specs.protect import DEFAULT_RADIUS_A, TRAINING_PRESETS

NONE = "none"  # no countermeasure
MOST_ROWS, MOST_SEEDS = 200, 10
LONGEST_NAME = 500  # characters of a class's name
LARGEST = {"Linf": 64, "L2": 1_000, "L1": 20_000}  # radius, of 255; several times what undoes any protection
HELP = {
    "architectures": "networks that are trained; default: the one of the scale",
    "trainings": "adversarial trainings by norm and radius, of 255; radius 0 is standard training; default: standard, "
    "and Linf at the radius_a of the protection (4 for a dataset)",
    "countermeasures": "what is done to the pictures before or in training; none: nothing",
    "percentages": "shares of the training pictures that are protected, the rest being clean; below 100 another "
    "learner gets the clean rest alone, for comparison",
    "protected_class": "the one class that is protected, all others being clean, as when an album joins a scraped set; "
    "every accuracy is then that on the clean test pictures of this class alone; default: none",
    "scale": "how long each learner is trained and on how large pictures: quick (two CPU cores), standard (a GPU), "
    "paper (the paper's schedule)",
    "seeds": "how often each learner is trained, from other random numbers; rows show the mean",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Adversarial training in a norm at a radius, of 255; radius 0 is standard training, whatever the norm."""

    norm: str = "Linf"
    radius: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSpec:
    """One row to be measured. `countermeasure` is None for none."""

    architecture: str
    training: Training
    countermeasure: str | None
    percentage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySpec:
    """Which learners a protection is tried on. Raises SpecError, which names every field that is wrong."""

    architectures: tuple[str, ...] = ("small",)
    trainings: tuple[Training, ...] = (Training(), Training(radius=DEFAULT_RADIUS_A))
    countermeasures: tuple[str, ...] = (NONE,)
    percentages: tuple[int, ...] = (100,)
    protected_class: str | None = None
    scale: str = "quick"
    seeds: int = 1

    def __post_init__(self) -> None:
        errors = [
            *_each("architectures", self.architectures, _one_of(tuple(ARCHITECTURES))),
            *_each("trainings", self.trainings, _wrong_training),
            *_each("countermeasures", self.countermeasures, _one_of((NONE, *COUNTERMEASURES))),
            *_each("percentages", self.percentages, _whole(1, 100)),
            *_named("protected_class", self._wrong_class()),
            *_named("scale", _one_of(TRAINING_PRESETS)(self.scale)),
            *_named("seeds", _whole(1, MOST_SEEDS)(self.seeds)),
        ]
        if errors or (errors := self._too_many()):
            raise SpecError(errors)

    def _wrong_class(self) -> str:
        name = self.protected_class
        if name is None:
            return ""
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or "\0" in name:
            return "must be the name of a class, or null"
        return "" if self.percentages == (100,) else "is protected as a whole: percentages must be left out, or [100]"

    def _too_many(self) -> list[FieldError]:
        count = len(self.rows)
        lists = ("architectures", "trainings", "countermeasures", "percentages")
        longest = max(lists, key=lambda name: len(getattr(self, name)))
        return _named(longest, f"makes {count} rows of all that is listed; at most {MOST_ROWS}" * (count > MOST_ROWS))

    @property
    def rows(self) -> tuple[RowSpec, ...]:
        """Every combination, in the order of the lists."""
        return tuple(
            RowSpec(
                architecture=architecture,
                training=training,
                countermeasure=None if countermeasure == NONE else countermeasure,
                percentage=percentage,
            )
            for architecture, countermeasure, percentage, training in product(
                self.architectures, self.countermeasures, self.percentages, self.trainings
            )
        )

    @classmethod
    def parse(cls, mapping: Mapping[str, Any], *, radius_a: int = DEFAULT_RADIUS_A) -> "VerifySpec":
        """A spec from untrusted keys and values, lists once each; `radius_a` is what the protection withstands.

        Raises SpecError with every unknown key and bad value.
        """
        known = [f.name for f in fields(cls)]
        wrong = [
            FieldError(str(k), f"unknown key; known are {', '.join(sorted(known))}") for k in mapping if k not in known
        ]
        given = {name: _distinct(mapping[name]) for name in known if name in mapping}
        if isinstance(given.get("trainings"), tuple):
            given["trainings"] = tuple(dict.fromkeys(map(_training, given["trainings"])))
        preset = PRESETS.get(str(given.get("scale", "quick")))
        given.setdefault("architectures", (preset.architecture if preset else "small",))
        given.setdefault("trainings", tuple(dict.fromkeys((Training(), Training(radius=radius_a)))))
        try:
            spec = cls(**given)
        except SpecError as error:
            raise SpecError([*wrong, *error.errors]) from None
        if wrong:
            raise SpecError(wrong)
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as JSON takes it; `parse` reads it back."""
        return {key: [*value] if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a verification's spec."""
    default = {key: value for key, value in VerifySpec().to_dict().items() if key not in ("architectures", "trainings")}
    training = {
        "type": "object",
        "additionalProperties": False,
        "required": ["radius"],
        "properties": {
            "norm": {"enum": list(NORMS), "default": "Linf"},
            "radius": {"type": "integer", "minimum": 0, "maximum": max(LARGEST.values())},
        },
    }
    kinds: dict[str, dict[str, Any]] = {
        "architectures": _list_of({"enum": list(ARCHITECTURES)}),
        "trainings": _list_of(training),
        "countermeasures": _list_of({"enum": [NONE, *COUNTERMEASURES]}),
        "percentages": _list_of({"type": "integer", "minimum": 1, "maximum": 100}),
        "protected_class": {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME},
        "scale": {"enum": list(TRAINING_PRESETS)},
        "seeds": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS},
    }
    properties = {
        name: kind | {"description": HELP[name]} | ({"default": default[name]} if name in default else {})
        for name, kind in kinds.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": items}


def _distinct(value: Any) -> Any:
    """A list as a tuple in which nothing comes twice; what is no list, or too long, as it is, to be refused."""
    if not isinstance(value, list) or len(value) > MOST_ROWS:
        return value
    return tuple(one for number, one in enumerate(value) if not any(_same(one, other) for other in value[:number]))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _training(value: Any) -> Any:
    """A training from its mapping; anything else as text, to be refused."""
    if isinstance(value, Training):
        return value
    if not isinstance(value, Mapping) or not set(value) <= {"norm", "radius"} or "radius" not in value:
        return str(value)
    norm, radius = value.get("norm", "Linf"), value["radius"]
    if type(radius) is not int or norm not in NORMS:
        return str(dict(value))
    return Training(norm=norm if radius else "Linf", radius=radius)


def _wrong_training(value: Any) -> str:
    if not isinstance(value, Training) or value.norm not in NORMS or type(value.radius) is not int:
        return f"must be like {{norm: {' | '.join(NORMS)}, radius: a whole number, of 255}}"
    if not 0 <= value.radius <= LARGEST[value.norm]:
        return f"must have a radius from 0 to {LARGEST[value.norm]} in {value.norm}"
    return ""


def _one_of(known: Sequence[str]) -> Any:
    return lambda value: "" if isinstance(value, str) and value in known else f"must be one of {', '.join(known)}"


def _whole(low: int, high: int) -> Any:
    def wrong(value: Any) -> str:
        return "" if type(value) is int and low <= value <= high else f"must be a whole number from {low} to {high}"

    return wrong


def _each(field: str, values: Any, wrong: Any) -> list[FieldError]:
    """One error for a list that is none, is empty or has a value that is `wrong`."""
    if not isinstance(values, tuple) or not values:
        return [FieldError(field, f"must be a list of 1 to {MOST_ROWS} values")]
    return _named(field, next((f"each {text}" for value in values if (text := wrong(value))), ""))


def _named(field: str, message: str) -> list[FieldError]:
    return [FieldError(field, message)] if message else []
