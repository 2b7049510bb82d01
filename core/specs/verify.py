"""The spec of a verify job. Imports no torch, so the API validates with the same class.

Radii are in pixel units, of 255, in every norm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from core.specs.base import OneOf, Spec, refusal
from core.specs.catalog import COUNTERMEASURE_INFO, LEARNER_LABELS, NORMS, PROBE
from core.specs.presets import PRESETS
from core.specs.protect import DEFAULT_RADIUS_A, TRAINING_PRESETS
from core.specs.work_size import MIN_SIZE, SIZE_STEP

NO_COUNTERMEASURE = "none"
SCHEDULE_OF_SCALE = {"quick": "quick", "standard": "full", "paper": "full"}
"""Whose schedule the learners of each scale have, by the amount of evidence in the preset."""

MAX_ROWS = 200
MAX_SEEDS = 10
MAX_CLASS_NAME = 500  # characters
MAX_IMAGE_SIZE = 224
MAX_RADIUS = {"Linf": 64, "L2": 1_000, "L1": 20_000}
"""By norm, of 255: several times the radius that undoes any protection."""

_COMBINED = ("architectures", "trainings", "countermeasures", "percentages")


class Training(BaseModel):
    """Adversarial training in a norm at a radius, of 255. Radius 0 is standard training, whatever the norm."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    norm: Annotated[str, OneOf(NORMS)] = "Linf"
    radius: int = Field(json_schema_extra={"minimum": 0, "maximum": max(MAX_RADIUS.values())})

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            training = build(value)
        except ValidationError:
            message = f"must be like {{norm: {' | '.join(NORMS)}, radius: a whole number, of 255}}"
            raise refusal(message) from None
        if not 0 <= training.radius <= MAX_RADIUS[training.norm]:
            raise refusal(f"must have a radius from 0 to {MAX_RADIUS[training.norm]} in {training.norm}")
        return training


STANDARD_TRAINING = Training(radius=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSpec:
    """One row to measure. `countermeasure` is None for none; `percentage` of the training images are protected."""

    architecture: str
    training: Training
    countermeasure: str | None
    percentage: int

    @property
    def is_possible(self) -> bool:
        """Whether the learner can be trained so."""
        if self.architecture != PROBE:
            return True
        on_data = self.countermeasure is None or COUNTERMEASURE_INFO[self.countermeasure].applied == "data"
        return self.training.radius == 0 and on_data


def _check_class_name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_CLASS_NAME or "\0" in value:
        raise refusal("must be the name of a class, or null")
    return value


# pydantic's own str refuses text that UTF-8 cannot encode. Such a name is to be answered with the names of the classes.
ClassName = Annotated[
    str,
    PlainValidator(_check_class_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_CLASS_NAME}),
]


class VerifySpec(Spec):
    """The learners to train on a protection: a row for every combination of the lists.

    Raises SpecError, which names every field that is wrong.
    """

    architectures: tuple[Annotated[str, OneOf(tuple(LEARNER_LABELS))], ...] = Field(
        default_factory=lambda: (PRESETS["quick"].architecture,),
        min_length=1,
        max_length=MAX_ROWS,
        description="networks that are trained; pretrained-finetune starts from weights of ImageNet, and "
        "pretrained-probe fits a linear classifier to its features, once for each countermeasure on the data and "
        "without adversarial training; default: the one of the scale",
    )
    trainings: tuple[Training, ...] = Field(
        default_factory=lambda: _default_trainings(DEFAULT_RADIUS_A),
        min_length=1,
        max_length=MAX_ROWS,
        description="adversarial trainings by norm and radius, of 255; radius 0 is standard training; default: "
        "standard, and Linf at the radius_a of the protection (4 for a dataset)",
    )
    countermeasures: tuple[Annotated[str, OneOf((NO_COUNTERMEASURE, *COUNTERMEASURE_INFO))], ...] = Field(
        default=(NO_COUNTERMEASURE,),
        min_length=1,
        max_length=MAX_ROWS,
        description="what is done to the images before or in training; none: nothing",
    )
    percentages: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        default=(100,),
        min_length=1,
        max_length=MAX_ROWS,
        description="shares of the training images that are protected, the rest being clean; below 100 another "
        "learner gets the clean rest alone, for comparison",
    )
    protected_class: ClassName | None = Field(
        default=None,
        description="the one class that is protected, all others being clean, as when an album joins a scraped set; "
        "every accuracy is then that on the clean test images of this class alone; default: none",
    )
    image_size: int | None = Field(
        default=None,
        ge=MIN_SIZE,
        le=MAX_IMAGE_SIZE,
        description="side in pixels at which learners see the images, a multiple of 32; default: that of the scale, "
        "and at least 128 for a pretrained learner on photographs",
    )
    scale: Annotated[str, OneOf(TRAINING_PRESETS)] = Field(
        default="quick",
        description="how long each learner is trained and on how large images: quick (two CPU cores), standard (a "
        "GPU), paper (the paper's schedule)",
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=MAX_SEEDS,
        description="how often each learner is trained, from other random numbers; rows show the mean",
    )

    @field_validator(*_COMBINED, mode="before")
    @classmethod
    def _drop_repeated(cls, values: Any) -> Any:
        """A list as a tuple without repeated values; anything else, and a list that is too long, unchanged."""
        if not isinstance(values, list) or len(values) > MAX_ROWS:
            return values
        return tuple(
            value for place, value in enumerate(values) if not any(_same(value, other) for other in values[:place])
        )

    @field_validator("trainings")
    @classmethod
    def _standard_training_once(cls, trainings: tuple[Training, ...]) -> tuple[Training, ...]:
        return tuple(dict.fromkeys(one if one.radius else STANDARD_TRAINING for one in trainings))

    @field_validator("image_size")
    @classmethod
    def _check_size(cls, size: int | None) -> int | None:
        if size is not None and size % SIZE_STEP:
            raise refusal(f"must be a multiple of {SIZE_STEP}, from {MIN_SIZE} to {MAX_IMAGE_SIZE}")
        return size

    @field_validator("protected_class")
    @classmethod
    def _check_class(cls, name: str | None, others: ValidationInfo) -> str | None:
        if name is not None and others.data.get("percentages") != (100,):
            raise refusal("is protected as a whole: percentages must be left out, or [100]")
        return name

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in _COMBINED}
        count = prod(lengths.values())
        if count > MAX_ROWS:
            message = f"makes {count} rows of all that is listed; at most {MAX_ROWS}"
            raise refusal(message, field=max(lengths, key=lambda name: lengths[name]))
        if not self.rows:
            message = f"must name more than {PROBE}, which has neither these trainings nor these countermeasures"
            raise refusal(message, field="architectures")
        return self

    @property
    def combinations(self) -> tuple[RowSpec, ...]:
        """Every combination of the lists in their order, the trainings last."""
        return tuple(
            RowSpec(
                architecture=architecture,
                training=training,
                countermeasure=None if countermeasure == NO_COUNTERMEASURE else countermeasure,
                percentage=percentage,
            )
            for architecture, countermeasure, percentage, training in product(
                self.architectures, self.countermeasures, self.percentages, self.trainings
            )
        )

    @property
    def rows(self) -> tuple[RowSpec, ...]:
        """Every combination that can be measured.

        A linear probe trains no network, so it is left out of adversarial trainings and of countermeasures that work
        in training.
        """
        return tuple(row for row in self.combinations if row.is_possible)

    @classmethod
    def parse(cls, mapping: Mapping[str, Any], *, radius_a: int = DEFAULT_RADIUS_A) -> Self:
        """A spec from untrusted keys and values. Repeated values of a list count once.

        Args:
            mapping: Values by key, as JSON has them. Keys that are missing get their defaults.
            radius_a: The adversarial radius that the protection withstands, of 255, for the default of `trainings`.

        Raises:
            SpecError: With every unknown key and every bad value.
        """
        preset = PRESETS.get(str(mapping.get("scale")), PRESETS["quick"])
        defaults = {"architectures": (preset.architecture,), "trainings": _default_trainings(radius_a)}
        return super().parse(defaults | dict(mapping))


def _default_trainings(radius_a: int) -> tuple[Training, ...]:
    return (STANDARD_TRAINING, Training(radius=radius_a)) if radius_a else (STANDARD_TRAINING,)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
