"""The spec of a train job: the name of the generator, and how it is trained. Imports no torch."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator

from core.errors import FieldError, SpecError
from core.filenames import MAX_NAME_CHARS, is_valid_name
from core.specs.base import Spec, refusal
from core.specs.presets import has_noise_network
from core.specs.protect import METHODS_WITHOUT_SURROGATE, TRAINING_KEYS, TRAINING_PRESETS, ProtectSpec

KEYS = ("name", "grey", *TRAINING_KEYS)


class TrainSpec(Spec):
    """How to train a generator.

    `name` None means the dataset's name. Of `noise` only TRAINING_KEYS apply. With `grey` a second surrogate, trained
    on greyscale images, takes part, which needs a preset and a method with a noise network.

    Raises SpecError, which names every field that is wrong.
    """

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_NAME_CHARS,
        description="what the generator is called; default: the dataset's name",
    )
    noise: ProtectSpec = Field(default_factory=ProtectSpec)
    grey: bool = Field(
        default=False,
        description="train the noise also against conversion to greyscale: on CIFAR-10 that kept half of it, on Tiny "
        "ImageNet nothing, and it costs protection against adversarial training; takes about twice as long",
    )

    messages: ClassVar[Mapping[str, str]] = {"name": f"must be 1 to {MAX_NAME_CHARS} characters that can be printed"}

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not is_valid_name(name):
            raise refusal(cls.messages["name"])
        return name

    @field_validator("grey")
    @classmethod
    def _check_grey(cls, grey: bool, others: ValidationInfo) -> bool:
        noise: ProtectSpec = others.data["noise"]
        if grey and not has_noise_network(noise.preset, noise.method):
            raise refusal("needs the method sem and the preset quick, because only they train a noise network")
        return grey

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Self:
        """A spec from untrusted keys and values.

        Args:
            mapping: Values by key, all on one level: name, grey and TRAINING_KEYS.

        Raises:
            SpecError: With every unknown key and every bad value.
        """
        errors = [
            FieldError(str(key), f"unknown key for training; known are {', '.join(KEYS)}")
            for key in mapping
            if key not in KEYS
        ]
        values = {key: mapping[key] for key in ("name", "grey") if key in mapping}
        try:
            values["noise"] = ProtectSpec.parse_training({key: mapping[key] for key in TRAINING_KEYS if key in mapping})
        except SpecError as error:
            errors += error.errors
        try:
            spec = cls(**values)
        except SpecError as error:
            errors += error.errors
        if errors:
            raise SpecError(errors)
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value on one level, as JSON takes it; `parse` reads it back."""
        return {"name": self.name, "grey": self.grey, **{key: getattr(self.noise, key) for key in TRAINING_KEYS}}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of what `parse` reads."""
        schema, noise = super().json_schema(), ProtectSpec.json_schema()["properties"]
        noise["preset"] |= {
            "enum": list(TRAINING_PRESETS),
            "description": "how long to train, and how large a network",
        }
        noise["method"]["enum"] = [name for name in noise["method"]["enum"] if name not in METHODS_WITHOUT_SURROGATE]
        own = {key: schema["properties"][key] for key in ("name", "grey")}
        return schema | {"properties": own | {key: noise[key] for key in TRAINING_KEYS}}
