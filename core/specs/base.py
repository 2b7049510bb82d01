"""What the specs of all kinds of job share: strict values, errors by field, and one form of JSON Schema. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from core.errors import FieldError, SpecError

_REFUSED = "refused_by_spec"


@dataclass(frozen=True, slots=True)
class OneOf:
    """In `Annotated[str, OneOf(…)]`: the text must be one of `choices`."""

    choices: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.choices))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecField:
    """What a form or a command line needs to know of one key of a spec.

    `choices` is None unless the value is one of a list, which then holds no None. `minimum` and `maximum` are None
    unless the value is a number. `is_list` is whether the value is a list of texts.
    """

    name: str
    help: str
    default: Any
    choices: tuple[str, ...] | None
    minimum: int | None
    maximum: int | None
    is_list: bool = False


class Spec(BaseModel):
    """A frozen, strictly validated value: no conversion between types, no unknown keys.

    Raises SpecError, which names every field that is wrong, not pydantic's ValidationError.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    messages: ClassVar[Mapping[str, str]] = {}
    """The error message for a wrong value of a field, for fields whose JSON Schema does not give one."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError(_field_errors(type(self), error)) from None

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Self:
        """A spec from untrusted keys and values.

        Args:
            mapping: Values by key, as JSON has them. Keys that are missing get their defaults.

        Raises:
            SpecError: With every unknown key and every bad value.
        """
        known = cls.model_fields
        unknown = [_unknown_key(cls, key) for key in mapping if key not in known]
        try:
            spec = cls(**{key: value for key, value in mapping.items() if key in known})
        except SpecError as error:
            raise SpecError([*unknown, *error.errors]) from None
        if unknown:
            raise SpecError(unknown)
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as JSON takes it; `parse` reads it back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in self.model_dump().items()}

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The spec's JSON Schema: no titles, no references, and None as one more choice or type."""
        schema = cls.model_json_schema()
        properties = {name: _simplified(value, schema.get("$defs", {})) for name, value in schema["properties"].items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    @classmethod
    def spec_fields(cls) -> dict[str, SpecField]:
        """Choices, range, help and default of each key, in the order of the keys."""
        return {
            name: SpecField(
                name=name,
                help=schema["description"],
                default=schema.get("default"),
                choices=tuple(one for one in schema["enum"] if one is not None) if "enum" in schema else None,
                minimum=schema.get("minimum"),
                maximum=schema.get("maximum"),
                is_list="items" in schema,
            )
            for name, schema in cls.json_schema()["properties"].items()
        }


def refusal(message: str, *, field: str | None = None) -> PydanticCustomError:
    """The error that a validator of a spec raises.

    Args:
        message: What the value must be, to follow the field's name.
        field: The field to name, for a validator of several fields.
    """
    return PydanticCustomError(_REFUSED, "{message}", {"message": message, "field": field})


def _field_errors(spec: type[Spec], error: ValidationError) -> list[FieldError]:
    """The first error of each field."""
    properties = spec.json_schema()["properties"]
    found: dict[str, FieldError] = {}
    for wrong in error.errors(include_url=False, include_input=False):
        context = wrong.get("ctx", {})
        name, *inside = wrong["loc"] or (context["field"],)
        if wrong["type"] == "extra_forbidden" and not inside:
            found.setdefault(str(name), _unknown_key(spec, name))
            continue
        if wrong["type"] == _REFUSED:
            message = context["message"]
        else:
            schema = properties[name]["items"] if inside else properties[name]
            message = spec.messages.get(str(name)) or _message(schema)
        found.setdefault(str(name), FieldError(str(name), f"each {message}" if inside else message))
    return list(found.values())


def _unknown_key(spec: type[Spec], key: object) -> FieldError:
    return FieldError(str(key), f"unknown key; known are {', '.join(sorted(spec.model_fields))}")


def _message(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"must be one of {', '.join(choice for choice in schema['enum'] if choice is not None)}"
    if "maximum" in schema:
        return f"must be a whole number from {schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "array":
        return f"must be a list of {schema['minItems']} to {schema['maxItems']} values"
    return "must be true or false"


def _simplified(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A part of pydantic's JSON Schema in the form that the REST interface publishes."""
    result = {key: value for key, value in schema.items() if key not in ("title", "$ref", "anyOf")}
    if "$ref" in schema:
        model = definitions[schema["$ref"].rpartition("/")[2]]
        result |= {key: value for key, value in _simplified(model, definitions).items() if key != "description"}
    if "anyOf" in schema:
        (kind,) = (_simplified(option, definitions) for option in schema["anyOf"] if option["type"] != "null")
        result |= kind | ({"enum": [*kind["enum"], None]} if "enum" in kind else {"type": [kind["type"], "null"]})
    if "enum" in result:
        result.pop("type", None)
    if "items" in result:
        result["items"] = _simplified(result["items"], definitions)
    if "properties" in result:
        result["properties"] = {name: _simplified(one, definitions) for name, one in result["properties"].items()}
    return result
