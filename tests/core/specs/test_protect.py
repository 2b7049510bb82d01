"""Which specs are valid, and how an invalid one is refused."""

import pytest

from core.errors import SpecError
from core.specs.protect import ProtectSpec


def errors(**requested: object) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        ProtectSpec.parse(requested)
    return {error.field: error.message for error in refused.value.errors}


def test_defaults_are_the_papers_radii() -> None:
    spec = ProtectSpec.parse({})
    assert (spec.radius_u, spec.adversarial_radius, spec.preset, spec.method) == (8, 4, "quick", None)


def test_a_small_radius_u_draws_the_default_radius_a_down() -> None:
    assert ProtectSpec(radius_u=4).adversarial_radius == 2
    assert ProtectSpec(radius_u=1).adversarial_radius == 0
    assert ProtectSpec(radius_u=16).adversarial_radius == 4


def test_every_bad_field_is_named_at_once() -> None:
    found = errors(colour="red", radius_u=0, seed=-1, format="gif", keep_exif=1)
    assert set(found) == {"colour", "radius_u", "seed", "format", "keep_exif"}
    assert "unknown key" in found["colour"]
    assert "1 to 64" in found["radius_u"]


@pytest.mark.parametrize("value", [True, 8.0, "8", None, [8], 65])
def test_radius_u_is_a_whole_number(value: object) -> None:
    assert set(errors(radius_u=value)) == {"radius_u"}


@pytest.mark.parametrize("radius_a", [8, 9])
def test_radius_a_of_radius_u_or_more_is_refused_with_the_papers_reason(radius_a: int) -> None:
    assert "section 4.2" in errors(radius_u=8, radius_a=radius_a)["radius_a"]


def test_training_takes_only_the_keys_that_shape_a_generator() -> None:
    assert ProtectSpec.parse_training({"method": "em", "seed": 3}) == ProtectSpec(method="em", seed=3)
    with pytest.raises(SpecError) as refused:
        ProtectSpec.parse_training({"percentage": 50, "radius_u": 0, "x": 1})
    assert {e.field for e in refused.value.errors} == {"percentage", "radius_u", "x"}
    with pytest.raises(SpecError, match="trains no network"):
        ProtectSpec.parse_training({"method": "ntga"})


@pytest.mark.parametrize("value", ["", "a b", "a\n", "x" * 33, 5, True])
def test_a_generators_id_looks_like_one(value: object) -> None:
    assert "/v1/generators" in errors(generator_id=value)["generator_id"]


def test_a_spec_survives_json() -> None:
    spec = ProtectSpec(method="rem", radius_u=12, radius_a=3, evidence="full")
    assert ProtectSpec.parse(spec.to_dict()) == spec


def test_the_schema_has_every_key_and_no_others() -> None:
    schema = ProtectSpec.json_schema()
    assert set(schema["properties"]) == set(ProtectSpec().to_dict())
    assert schema["additionalProperties"] is False
