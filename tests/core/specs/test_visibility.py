"""The targets of visibility, and the datasets that they apply to."""

import pytest

from core.errors import SpecError
from core.specs.protect import ProtectSpec
from core.specs.small_images import are_photographs
from core.specs.visibility import VISIBILITIES, VISIBILITY_TARGETS


def test_the_targets_grow_in_their_order_and_the_default_is_the_one_in_the_middle() -> None:
    flips = [VISIBILITY_TARGETS[name].flip for name in VISIBILITIES]
    assert flips == sorted(set(flips))
    assert ProtectSpec().visibility == VISIBILITIES[1] == "balanced"


def test_an_unknown_visibility_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match="subtle, balanced, strong"):
        ProtectSpec.parse({"visibility": "invisible"})


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([(64, 64)], False),
        ([(65, 65)], True),
        ([(64, 500)], False),
        ([(32, 32), (32, 32), (4_000, 3_000)], False),
        ([(32, 32), (400, 530), (4_000, 3_000)], True),
    ],
)
def test_photographs_are_datasets_whose_median_shorter_edge_is_over_64_pixels(
    edges: list[tuple[int, int]], expected: bool
) -> None:
    assert are_photographs(edges) is expected
