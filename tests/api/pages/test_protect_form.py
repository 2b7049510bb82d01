"""The "Protect" form: its options, and the spec that it asks for."""

import pytest

from api.pages.forms import protect
from api.pages.forms.fields import error_messages
from core.errors import SpecError
from core.specs.protect import METHODS, ProtectSpec


def parsed_spec(submitted: dict[str, str]) -> ProtectSpec:
    """The spec that a submitted form asks for."""
    return ProtectSpec.parse(protect.requested_spec(submitted))


def test_every_method_is_an_option_with_a_label() -> None:
    options = protect.form_options()["method"]
    assert {option.value for option in options} == {"", *METHODS}
    for option in options:
        assert option.label
        assert not option.value or parsed_spec({"method": option.value}).method == option.value


@pytest.mark.parametrize(("submitted", "eot"), [({}, True), ({"eot": "true"}, True), ({"eot": "false"}, False)])
def test_eot_is_on_unless_it_is_turned_off(submitted: dict[str, str], eot: bool) -> None:
    assert parsed_spec(submitted).eot is eot


def test_default_values_are_options_and_ask_for_the_default_spec() -> None:
    values = protect.default_values()
    for name, options in protect.form_options().items():
        assert values[name] in {option.value for option in options}
    submitted = {name: str(value) for name, value in values.items() if name != "keep_exif"}
    assert parsed_spec(submitted) == parsed_spec({})


def test_an_eot_that_is_not_a_boolean_is_an_error_of_its_field() -> None:
    with pytest.raises(SpecError) as refused:
        parsed_spec({"eot": "perhaps"})
    assert set(error_messages(refused.value)) == {"eot"}


def test_a_submitted_eot_is_shown_again() -> None:
    assert protect.submitted_values({"eot": "false"})["eot"] == "false"
