"""What a verification can be asked for: every combination, sensible defaults, and each wrong field named."""

import subprocess
import sys
from typing import Any

import pytest

from core.attacks.norms import BALLS
from core.countermeasures.registry import COUNTERMEASURES
from core.errors import SpecError
from core.models.registry import ARCHITECTURES
from core.specs.catalog import ARCHITECTURE_LABELS, COUNTERMEASURE_INFO, NORMS
from core.specs.presets import PRESETS
from core.specs.verify import MAX_RADIUS, MAX_ROWS, NO_COUNTERMEASURE, STANDARD_TRAINING, Training, VerifySpec


def test_names_are_in_step_with_what_computes() -> None:
    assert list(ARCHITECTURE_LABELS) == list(ARCHITECTURES)
    assert set(NORMS) == set(BALLS) == set(MAX_RADIUS)
    assert set(VerifySpec.json_schema()["properties"]["countermeasures"]["items"]["enum"]) == {
        NO_COUNTERMEASURE,
        *COUNTERMEASURES,
    }
    assert {preset.architecture for preset in PRESETS.values()} <= set(ARCHITECTURES)


@pytest.mark.parametrize(
    "module",
    ["core.specs.verify", "core.reports.verification_html", "core.specs.protected_class", "core.archive.manifest"],
)
def test_it_comes_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_defaults_follow_the_scale_and_the_protection() -> None:
    assert VerifySpec.parse({}) == VerifySpec()
    assert VerifySpec.parse({"scale": "paper"}).architectures == ("resnet18",)
    assert VerifySpec.parse({}, radius_a=2).trainings == (STANDARD_TRAINING, Training(radius=2))
    assert VerifySpec.parse({}, radius_a=0).trainings == (STANDARD_TRAINING,)


def test_rows_are_every_combination_once() -> None:
    requested = {
        "architectures": ["small", "vgg16", "small"],
        "trainings": [{"radius": 0}, {"norm": "L2", "radius": 0}, {"norm": "L1", "radius": 1000}],
        "countermeasures": [NO_COUNTERMEASURE, "jpeg-75"],
        "percentages": [100, 80],
    }
    spec = VerifySpec.parse(requested)
    assert len(spec.rows) == len(set(spec.rows)) == 2 * 2 * 2 * 2
    assert {row.countermeasure for row in spec.rows} == {None, "jpeg-75"}
    assert VerifySpec.parse(spec.to_dict()) == spec


def test_a_class_is_requested_by_its_name() -> None:
    spec = VerifySpec.parse({"protected_class": "cat"})
    assert (spec.protected_class, spec.percentages) == ("cat", (100,))
    assert VerifySpec.parse(spec.to_dict()) == spec
    assert VerifySpec.parse({"protected_class": None}) == VerifySpec()


@pytest.mark.parametrize(
    ("requested", "fields"),
    [
        ({"architectures": "small"}, {"architectures"}),
        ({"architectures": [["small"]]}, {"architectures"}),
        ({"trainings": [4]}, {"trainings"}),
        ({"trainings": [{"norm": "Linf"}]}, {"trainings"}),
        ({"trainings": [{"radius": 4.0}]}, {"trainings"}),
        ({"trainings": [{"radius": True}]}, {"trainings"}),
        ({"trainings": [{"radius": -1}]}, {"trainings"}),
        ({"trainings": [{"radius": 1, "steps": 3}]}, {"trainings"}),
        ({"trainings": [{"norm": ["Linf"], "radius": 1}]}, {"trainings"}),
        ({"percentages": [True], "scale": ["quick"], "seeds": 1.0}, {"percentages", "scale", "seeds"}),
        ({"countermeasures": [], "extra": 1}, {"countermeasures", "extra"}),
        ({"percentages": [1] * (MAX_ROWS + 1)}, {"percentages"}),
        ({"percentages": [*range(1, 101)], "countermeasures": list(COUNTERMEASURE_INFO)[:3]}, {"percentages"}),
        ({"architectures": ["pretrained-probe"], "trainings": [{"radius": 4}]}, {"architectures"}),
        ({"architectures": ["pretrained-probe"], "countermeasures": ["mixup"]}, {"architectures"}),
        ({"protected_class": ""}, {"protected_class"}),
        ({"protected_class": 3}, {"protected_class"}),
        ({"protected_class": ["cat"]}, {"protected_class"}),
        ({"protected_class": "c\0at"}, {"protected_class"}),
        ({"protected_class": "c" * 501}, {"protected_class"}),
        ({"protected_class": "cat", "percentages": [100, 80]}, {"protected_class"}),
        ({"protected_class": "cat", "percentages": [80]}, {"protected_class"}),
    ],
)
def test_what_is_refused_is_named(requested: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(SpecError) as refused:
        VerifySpec.parse(requested)
    assert {error.field for error in refused.value.errors} == fields
    assert all(error.message for error in refused.value.errors)
