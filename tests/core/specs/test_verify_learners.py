"""Which learners a verification may ask for, and which combinations it leaves out."""

import pytest

from core.errors import SpecError
from core.specs.small_images import are_photographs
from core.specs.verify import VerifySpec


def test_a_probe_has_no_adversarial_training_and_no_countermeasure_in_training() -> None:
    spec = VerifySpec.parse(
        {"architectures": ["small", "pretrained-probe"], "countermeasures": ["none", "greyscale", "cutout"]}
    )
    assert len(spec.combinations) == 12
    probes = [row for row in spec.rows if row.architecture == "pretrained-probe"]
    assert [(row.training.radius, row.countermeasure) for row in probes] == [(0, None), (0, "greyscale")]
    assert len(spec.rows) == 6 + 2


def test_a_verification_without_any_possible_row_is_refused() -> None:
    with pytest.raises(SpecError, match="must name more than pretrained-probe"):
        VerifySpec.parse({"architectures": ["pretrained-probe"], "trainings": [{"radius": 4}]})


@pytest.mark.parametrize("size", [0, 31, 33, 100, 256, True, "128", 64.0])
def test_a_size_that_no_learner_takes_is_refused(size: object) -> None:
    with pytest.raises(SpecError, match="image_size: must be a"):
        VerifySpec.parse({"image_size": size})


@pytest.mark.parametrize("size", [None, 32, 128, 224])
def test_a_size_is_kept(size: int | None) -> None:
    spec = VerifySpec.parse({"image_size": size})
    assert spec.image_size == size
    assert VerifySpec.parse(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("edges", "expected"),
    [([(64, 64)], False), ([(65, 80)], True), ([(400, 64), (64, 64), (530, 400)], False), ([(348, 348)], True)],
)
def test_photographs_are_larger_than_64_px_at_the_median(edges: list[tuple[int, int]], expected: bool) -> None:
    assert are_photographs(edges) is expected
