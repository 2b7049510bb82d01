"""The "Protect" form: its options, and the spec that it asks for."""

import re

import httpx
import pytest

from api.pages.forms import protect
from api.pages.forms.fields import error_messages
from core.errors import SpecError
from core.specs.protect import METHODS, ProtectSpec
from tests.api.conftest import Service, upload_dataset


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
    values = protect.default_values() | {"preset": ProtectSpec().preset}
    for name, options in protect.form_options().items():
        assert values[name] in {option.value for option in options}
    submitted = {name: str(value) for name, value in values.items() if name != "keep_exif"}
    assert parsed_spec(submitted) == parsed_spec({})


def test_an_eot_that_is_not_a_boolean_is_an_error_of_its_field() -> None:
    with pytest.raises(SpecError) as refused:
        parsed_spec({"eot": "perhaps"})
    assert set(error_messages(refused.value)) == {"eot"}


@pytest.mark.parametrize(
    ("submitted", "leave_out"),
    [
        ({}, None),
        ({"leave_out_default": "a\nb", "leave_out.2": "a", "leave_out.1": "b"}, None),
        ({"leave_out_default": "a", "leave_out.2": "b"}, ("b",)),
        ({"leave_out_default": "a"}, ()),
        ({"leave_out_default": ""}, None),
    ],
)
def test_folders_that_differ_from_the_default_are_asked_for(
    submitted: dict[str, str], leave_out: tuple[str, ...] | None
) -> None:
    assert parsed_spec(submitted).leave_out == leave_out


def test_a_submitted_eot_is_shown_again() -> None:
    assert protect.submitted_values({"eot": "false"})["eot"] == "false"


@pytest.mark.parametrize(("classes", "preset"), [(None, "instant"), (1, "instant"), (2, "instant"), (100_000, "quick")])
def test_instant_is_the_first_choice_where_a_generator_fits(classes: int | None, preset: str) -> None:
    values = protect.default_values(classes)
    assert values["preset"] == preset
    submitted = {name: str(value) for name, value in values.items() if name != "keep_exif" and value != ""}
    assert parsed_spec(submitted).preset == preset


def test_advanced_fields_are_shown_once_they_are_changed_or_wrong() -> None:
    first = protect.default_values()
    assert not protect.has_advanced_changes(first, first, {})
    assert not protect.has_advanced_changes(first | {"visibility": "strong"}, first, {"visibility": "Must be another"})
    assert protect.has_advanced_changes(first | {"preset": "paper"}, first, {})
    assert protect.has_advanced_changes(first, first, {"radius_a": "Must be less"})


def test_the_form_asks_one_thing_and_hides_the_rest(api: httpx.Client, dataset_path: str) -> None:
    page = api.get(dataset_path, headers={"Accept": "text/html"}).text
    form = page.partition('id="protect-form"')[2].partition("</form>")[0]
    requested, _, hidden = form.partition("<details>")
    assert re.findall(r'name="(\w+)" value="\w+" checked', requested) == ["visibility"]
    assert {"preset", "evidence", "format", "method", "radius_u", "seed"} <= set(re.findall(r'name="(\w+)"', hidden))


def test_an_error_in_a_hidden_field_opens_it(api: httpx.Client, dataset_path: str) -> None:
    answer = api.post(f"{dataset_path}/protect", data={"visibility": "subtle", "seed": "-1"})
    assert answer.status_code == 422
    form = answer.text.partition('id="protect-form"')[2].partition("</form>")[0]
    assert "<details open>" in form
    assert 'value="subtle" checked' in form


def test_small_images_have_no_visibility_to_choose(api: httpx.Client, service: Service) -> None:
    dataset_id = upload_dataset(api)["id"]
    service.make_ready(dataset_id, images=6, shorter_edge=64.0)
    page = api.get(f"/datasets/{dataset_id}", headers={"Accept": "text/html"}).text
    assert 'name="visibility"' not in page
    assert "These images are small" in page
