"""The "Train a generator" form of admins: what it offers, what a sent one asks for, and what is shown again."""

from collections.abc import Mapping
from typing import Any

from api.pages.forms import protect
from core.filenames import MAX_NAME_CHARS
from core.specs.protect import INSTANT, METHODS_WITHOUT_SURROGATE
from core.specs.train import TrainSpec

CHOICES = ("preset", "evidence", "method")
NUMBERS = ("radius_u", "radius_a", "seed")
HINTS = {
    "name": f"What people choose it by. At most {MAX_NAME_CHARS} characters; default: the dataset’s name.",
    "preset": "A more thorough one takes longer to train, and later to make noise with.",
    "evidence": "On these pictures, with its own noise. It goes on the card, where people look before they choose.",
    "grey": "So that more of the noise is left when pictures are turned grey. On CIFAR-10 that kept half of it, on "
    "Tiny ImageNet nothing, and it costs protection against adversarial training. Takes about twice as long. For SEM "
    "and the thoroughness Quick.",
    "method": "What is trained belongs to its method: who uses the generator gets this one.",
}


def fields_of(dataset_name: str, shown: Mapping[str, Any], errors: Mapping[str, str]) -> protect.Fields:
    """The form with these values and errors; a generator without a name is called like the dataset."""
    offered = protect.options()
    options = {
        name: [o for o in offered[name] if o.value not in (INSTANT, *METHODS_WITHOUT_SURROGATE)] for name in CHOICES
    }
    return protect.Fields(
        prefix="train-",
        options=options,
        limits=protect.limits(),
        hints=HINTS,
        values={**shown, "dataset_name": dataset_name, "longest_name": MAX_NAME_CHARS},
        errors=errors,
    )


def defaults() -> dict[str, Any]:
    """What the form shows at first."""
    return {name: "" if value is None else value for name, value in TrainSpec().to_dict().items()}


def values(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, to be shown again."""
    return defaults() | {name: value for name, value in sent.items() if name in defaults()}


def asked(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What a sent form asks for, as a spec is parsed from; what was left open is not in it."""
    name = str(sent.get("name", "")).strip()
    found = protect.picked(sent, CHOICES, NUMBERS) | ({"name": name} if name else {})
    return found | ({"grey": True} if sent.get("grey") else {})
