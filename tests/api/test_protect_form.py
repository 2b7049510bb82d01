"""The Protect form: what it offers, and the spec that it asks for."""

import pytest

from api.pages.forms import protect
from core.errors import SpecError
from core.specs.protect import METHODS, ProtectSpec


def spec_of(sent: dict[str, str]) -> ProtectSpec:
    """What a sent form asks for."""
    return ProtectSpec.parse(protect.asked(sent))


def test_every_method_can_be_chosen_and_has_words() -> None:
    offered = protect.options()["method"]
    assert {option.value for option in offered} == {"", *METHODS}
    for option in offered:
        assert option.label
        assert not option.value or spec_of({"method": option.value}).method == option.value


@pytest.mark.parametrize(("sent", "eot"), [({}, True), ({"eot": "true"}, True), ({"eot": "false"}, False)])
def test_eot_is_on_unless_it_is_turned_off(sent: dict[str, str], eot: bool) -> None:
    assert spec_of(sent).eot is eot


def test_what_is_shown_at_first_is_among_the_options_and_asks_for_the_defaults() -> None:
    shown = protect.defaults()
    for name, options in protect.options().items():
        assert shown[name] in {option.value for option in options}
    assert spec_of({name: value for name, value in shown.items() if name != "keep_exif"}) == spec_of({})


def test_a_switch_that_is_neither_is_named() -> None:
    with pytest.raises(SpecError) as refused:
        spec_of({"eot": "perhaps"})
    assert set(protect.errors(refused.value)) == {"eot"}
    assert protect.values({"eot": "false"})["eot"] == "false"
