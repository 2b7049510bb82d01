"""What the specs accept, refuse and say is public: the same keys, messages and JSON Schemas in every release."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.errors import SpecError
from core.specs.base import Spec
from core.specs.protect import ProtectSpec
from core.specs.train import TrainSpec
from core.specs.verify import VerifySpec

HERE = Path(__file__).parent
SCHEMAS = json.loads((HERE / "schemas.json").read_text())
PARSED = [json.loads(line) for line in (HERE / "parsed.jsonl").read_text().splitlines()]
PARSE: Mapping[str, Callable[[Any], Spec]] = {
    "protect": ProtectSpec.parse,
    "generator": ProtectSpec.parse_training,
    "train": TrainSpec.parse,
    "verify": VerifySpec.parse,
}


def outcome(parse: Callable[[Any], Spec], given: Any) -> dict[str, Any]:
    """The whole spec, or each error in its order."""
    try:
        return {"accepted": parse(given).to_dict()}
    except SpecError as error:
        return {"refused": [[one.field, one.message] for one in error.errors]}


@pytest.mark.parametrize("kind", PARSE)
def test_every_recorded_input_has_the_recorded_outcome(kind: str) -> None:
    for case in PARSED:
        if case["kind"] == kind:
            expected = {key: case[key] for key in ("accepted", "refused") if key in case}
            assert outcome(PARSE[kind], case["given"]) == expected, case["given"]


@pytest.mark.parametrize(("kind", "spec"), [("protect", ProtectSpec), ("train", TrainSpec), ("verify", VerifySpec)])
def test_the_json_schema_is_the_recorded_one(kind: str, spec: type[Spec]) -> None:
    assert spec.json_schema() == SCHEMAS[kind]
