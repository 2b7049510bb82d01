"""The interval is Wilson's, and protection is only shown where two intervals part."""

import pytest

from core.results.evidence import Curve, EvidenceRow
from core.results.wilson import wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", Stat. in Medicine 17 (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_values(correct: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_stays_inside_zero_and_one() -> None:
    for n in (1, 2, 7, 100):
        for correct in range(n + 1):
            low, high = wilson_interval(correct, n)
            assert 0 <= low < high <= 1
            assert low <= correct / n <= high
            assert wilson_interval(n - correct, n) == pytest.approx((1 - high, 1 - low))


def test_the_wilson_interval_of_no_trials_is_0_to_1_and_impossible_counts_are_refused() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    for correct, n in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="correct must be"):
            wilson_interval(correct, n)


def row(before: tuple[float, float], after: tuple[float, float], **other: object) -> EvidenceRow:
    """A row with these intervals; the accuracies are their middles."""
    curve = Curve(epoch=(1,), accuracy=(0.5,), loss=(1.0,))
    fields: dict[str, object] = {
        "training": "standard",
        "norm": None,
        "radius": 0,
        "countermeasure": None,
        "architecture": "small",
        "protected_percentage": 100,
        "accuracy_before": sum(before) / 2,
        "accuracy_after": sum(after) / 2,
        "peak_before": sum(before) / 2,
        "peak_after": sum(after) / 2,
        "ci95_before": before,
        "ci95_after": after,
        "curves": {"before": curve, "after": curve},
    }
    return EvidenceRow(**(fields | other))  # type: ignore[arg-type]


def test_protection_is_shown_only_where_the_intervals_part() -> None:
    assert row((0.6, 0.7), (0.2, 0.3)).is_significantly_lower
    assert not row((0.6, 0.7), (0.5, 0.6)).is_significantly_lower, "touching intervals show nothing"
    assert not row((0.6, 0.7), (0.62, 0.72)).is_significantly_higher
    assert row((0.2, 0.3), (0.6, 0.7)).is_significantly_higher


def test_a_row_names_its_training() -> None:
    assert row((0.6, 0.7), (0.2, 0.3)).name == "standard training"
    hard = row((0.6, 0.7), (0.2, 0.3), training="adversarial", norm="Linf", radius=4, countermeasure="jpeg-75")
    assert hard.name == "adversarial training, Linf radius 4/255, after jpeg-75"
