"""What a train job can be asked for: the keys that shape a generator, its name, and each wrong field named."""

from typing import Any

import pytest

from core.errors import SpecError
from core.specs.protect import TRAINING_KEYS, ProtectSpec
from core.specs.train import TrainSpec


def test_a_spec_survives_json() -> None:
    for spec in (
        TrainSpec(name="Portraits", noise=ProtectSpec(method="em", radius_u=12, seed=3)),
        TrainSpec(grey=True, noise=ProtectSpec(radius_u=6)),
    ):
        assert TrainSpec.parse(spec.to_dict()) == spec
    assert TrainSpec.parse({}) == TrainSpec()
    assert set(TrainSpec().to_dict()) == {"name", "grey", *TRAINING_KEYS} == set(TrainSpec.json_schema()["properties"])


@pytest.mark.parametrize(
    ("requested", "fields"),
    [
        ({"name": ""}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"name": "a\nb"}, ["name"]),
        ({"name": 7}, ["name"]),
        ({"name": "", "radius_u": 0, "method": "ntga", "eot": False}, ["eot", "method", "name", "radius_u"]),
        ({"evidence": "much"}, ["evidence"]),
        ({"grey": "true"}, ["grey"]),
        ({"grey": True, "method": "em"}, ["grey"]),
        ({"name": "", "grey": 1}, ["grey", "name"]),
        ({"grey": True, "preset": "standard"}, ["grey"]),
        ({"radius_u": 8, "radius_a": 8}, ["radius_a"]),
        ({"preset": "instant"}, ["preset"]),
    ],
)
def test_every_wrong_field_is_named(requested: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(SpecError) as refused:
        TrainSpec.parse(requested)
    assert sorted(error.field for error in refused.value.errors) == fields


def test_what_trains_nothing_is_not_in_the_schema_and_refused() -> None:
    assert TrainSpec.json_schema()["properties"]["preset"]["enum"] == ["quick", "standard", "paper"]
    assert TrainSpec.json_schema()["properties"]["method"]["enum"] == ["sem", "rem", "em", "tap", None]
