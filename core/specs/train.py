"""What can be asked of a train job: what the generator is called, and what training goes by. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import FieldError, SpecError
from core.filenames import LONGEST_NAME, is_name
from core.specs import protect
from core.specs.presets import has_network
from core.specs.protect import OF_TRAINING, TRAINING_PRESETS, WITHOUT_SURROGATE, ProtectSpec

KEYS = ("name", "grey", *OF_TRAINING)
GREY_HELP = (
    "train the noise against being turned grey, too: on CIFAR-10 that kept half of it, on Tiny ImageNet nothing, and "
    "it costs protection against adversarial training; takes about twice as long"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """How to train a generator: of `noise` the keys in OF_TRAINING count, and `name` None is the dataset's.

    With `grey` a second surrogate judges the noise in grey. Raises SpecError for a name that cannot stand on a card,
    and for `grey` where no noise network is trained, which alone has judges.
    """

    name: str | None = None
    grey: bool = False
    noise: ProtectSpec = field(default_factory=ProtectSpec)

    def __post_init__(self) -> None:
        wrong = []
        if self.name is not None and not (isinstance(self.name, str) and is_name(self.name)):
            wrong.append(FieldError("name", f"must be 1 to {LONGEST_NAME} characters that can be printed"))
        if type(self.grey) is not bool:
            wrong.append(FieldError("grey", "must be true or false"))
        elif self.grey and not has_network(self.noise.preset, self.noise.method):
            wrong.append(FieldError("grey", "needs the method sem and the preset quick, which make noise at once"))
        if wrong:
            raise SpecError(wrong)

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> "TrainSpec":
        """A spec from untrusted keys and values; raises SpecError with every unknown key and bad value."""
        errors = [
            FieldError(str(key), f"unknown key for training; known are {', '.join(KEYS)}")
            for key in mapping
            if key not in KEYS
        ]
        found: dict[str, Any] = {"name": mapping.get("name"), "grey": mapping.get("grey", False)}
        try:
            found["noise"] = ProtectSpec.parse_training({key: mapping[key] for key in OF_TRAINING if key in mapping})
        except SpecError as error:
            errors += error.errors
        try:
            asked = cls(**found)
        except SpecError as error:
            errors += error.errors
        if errors:
            raise SpecError(errors)
        return asked

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as JSON takes it; `parse` reads it back."""
        return {"name": self.name, "grey": self.grey, **{key: getattr(self.noise, key) for key in OF_TRAINING}}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a train job's spec, from that of a protection."""
    known = protect.json_schema()["properties"]
    properties = {key: dict(known[key]) for key in OF_TRAINING}
    properties["preset"] |= {
        "enum": list(TRAINING_PRESETS),
        "description": "how long to train, and how large a network",
    }
    properties["method"]["enum"] = [name for name in known["method"]["enum"] if name not in WITHOUT_SURROGATE]
    name = {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_NAME, "default": None}
    name["description"] = "what the generator is called; default: the dataset's name"
    grey = {"type": "boolean", "default": False, "description": GREY_HELP}
    return {"type": "object", "additionalProperties": False, "properties": {"name": name, "grey": grey} | properties}
