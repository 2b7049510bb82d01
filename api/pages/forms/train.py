"""The "Train a generator" form of admins: its fields, its first values, and the spec that a submitted form asks for."""

from collections.abc import Mapping
from typing import Any

from api.pages.forms.fields import FormFields, filled_fields, spec_options, spec_ranges
from core.filenames import MAX_NAME_CHARS
from core.specs.protect import INSTANT, METHODS_WITHOUT_SURROGATE
from core.specs.train import TrainSpec

_CHOICES = ("preset", "evidence", "method")
_NUMBERS = ("radius_u", "radius_a", "seed")
_HINTS = {
    "name": f"Users choose the generator by it. At most {MAX_NAME_CHARS} characters. Default: the dataset’s name.",
    "preset": "A more thorough one takes longer to train, and longer to make noise.",
    "evidence": "Measured on these images, with the generator’s own noise. The result is on the generator’s card.",
    "grey": "A second model is trained on greyscale images, so that more of the noise works after a conversion to "
    "greyscale. On CIFAR-10 half of it did, on Tiny ImageNet none. The noise protects less against adversarial "
    "training. The training takes about twice as long. Needs the method SEM and the thoroughness Quick.",
    "method": "Every protection with this generator uses this method.",
}


def form_fields(dataset_name: str, values: Mapping[str, Any], errors: Mapping[str, str]) -> FormFields:
    """Return the fields of the form.

    Args:
        dataset_name: The name of the dataset, which is the default name of the generator.
        values: The value of each field.
        errors: What is wrong, by field.
    """
    options = spec_options()
    excluded = (INSTANT, *METHODS_WITHOUT_SURROGATE)
    return FormFields(
        prefix="train-",
        options={name: [option for option in options[name] if option.value not in excluded] for name in _CHOICES},
        ranges=spec_ranges(),
        hints=_HINTS,
        values={**values, "dataset_name": dataset_name, "max_name_length": MAX_NAME_CHARS},
        errors=errors,
    )


def default_values() -> dict[str, Any]:
    """Return the values that the form has at first."""
    return {name: "" if value is None else value for name, value in TrainSpec().to_dict().items()}


def submitted_values(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a submitted form, to show it again.

    Args:
        submitted: The submitted values by field.
    """
    defaults = default_values()
    return defaults | {name: value for name, value in submitted.items() if name in defaults}


def requested_spec(submitted: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec that a submitted form asks for, to be parsed; empty fields are left out.

    Args:
        submitted: The submitted values by field.
    """
    spec = filled_fields(submitted, texts=_CHOICES, numbers=_NUMBERS)
    if name := submitted.get("name", "").strip():
        spec["name"] = name
    if submitted.get("grey"):
        spec["grey"] = True
    return spec
