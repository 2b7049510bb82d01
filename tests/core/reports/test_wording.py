"""The verdict follows from the intervals; it is never better than they are."""

from dataclasses import replace
from typing import Any

import pytest

from core.reports.verdict import outcome_of, verdict_of
from core.results.difference import PairedDifference
from tests.support.report_samples import CHANCE, adversarial, evidence, row


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_headline_has_before_after_and_chance() -> None:
    found = verdict_of(evidence(row(before=0.662, after=0.247)))
    assert found.tone == "shown"
    expected = "Models trained on the protected images reach 25 % instead of 66 % (chance 10 %)."
    assert plain(found.headline) == expected
    assert any("still learn 26 %" in plain(s) for s in found.details)


@pytest.mark.parametrize(("n", "tone"), [(40, "not shown"), (4000, "shown")])
def test_the_same_accuracies_show_protection_only_with_enough_test_images(n: int, tone: str) -> None:
    assert verdict_of(evidence(row(before=0.50, after=0.25, n=n), test_images=n)).tone == tone


def test_overlapping_intervals_show_no_protection() -> None:
    found = verdict_of(evidence(row(before=0.662, after=0.64)))
    assert found.tone == "not shown"
    assert plain(found.headline) == (
        "Protection is not shown: models reach 64 % instead of 66 % (chance 10 %), and the 95 % intervals overlap."
    )


def test_a_paired_difference_decides_where_there_is_one() -> None:
    unclear = PairedDifference(change=-0.022, ci95=(-0.05, 0.006), lost=0.05, gained=0.028)
    clear = PairedDifference(change=-0.022, ci95=(-0.04, -0.004), lost=0.05, gained=0.028)
    found = verdict_of(evidence(row(before=0.662, after=0.64, difference=unclear, peak_difference=unclear)))
    assert plain(found.headline) == (
        "Protection is not shown: models reach 64 % instead of 66 % (chance 10 %), and the 95 % interval of the "
        "difference, −5.0 to +0.6 points, includes 0."
    )
    weak = row(before=0.662, after=0.64, difference=clear, peak_difference=unclear)
    assert outcome_of(weak, chance=0.1) == "shown, not for early stopping"
    assert outcome_of(replace(weak, peak_difference=clear), chance=0.1) == "shown"
    assert outcome_of(replace(weak, difference=replace(clear, ci95=(0.01, 0.04))), chance=0.1) == "learns more"


def test_models_that_learn_more_from_protected_images_mean_failure() -> None:
    found = verdict_of(evidence(row(before=0.3, after=0.6)))
    assert found.tone == "not shown"
    assert found.headline.startswith("Protection failed")


def test_a_learner_at_chance_shows_no_protection() -> None:
    found = verdict_of(evidence(row(before=0.11, after=0.05)))
    assert found.tone == "not shown"
    assert "nothing to take away" in found.headline


def test_protection_that_adversarial_training_undoes_is_shown_in_part() -> None:
    found = verdict_of(evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.55)))
    assert found.tone == "partly"
    expected = (
        "Adversarial training, Linf radius 4/255: 55 % instead of 56 %; "
        "protection is not shown (the 95 % intervals overlap)."
    )
    assert plain(found.details[-1]) == expected


def test_the_headline_names_the_row_in_which_most_survives() -> None:
    found = verdict_of(
        evidence(
            row(before=0.65, after=0.25),
            replace(row(before=0.82, after=0.69), learner="pretrained-finetune"),
            replace(row(before=0.65, after=0.45), countermeasure="greyscale"),
        )
    )
    assert found.tone == "partly"
    assert plain(found.headline) == (
        "Models trained on the protected images reach 25 % instead of 65 % (chance 10 %), "
        "but a pretrained model still learns most of it: 69 of 82 %."
    )


def test_the_headline_is_the_first_row_alone_where_that_is_the_weakest() -> None:
    tuned = replace(row(before=0.82, after=0.69), learner="pretrained-finetune")
    found = verdict_of(evidence(tuned, row(before=0.65, after=0.25)))
    assert found.tone == "partly"
    assert plain(found.headline) == "A pretrained model still learns most of it: 69 of 82 % (chance 10 %)."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"learner": "pretrained-probe"}, "a linear classifier on pretrained features"),
        ({"countermeasure": "greyscale"}, "a model trained on images converted to greyscale"),
        ({"countermeasure": "mixup", "radius": 4, "norm": "L2"}, "a model trained adversarially (L2 4/255) with mixup"),
        (
            {"learner": "pretrained-finetune", "countermeasure": "jpeg-75"},
            "a pretrained model trained on images compressed as JPEG, quality 75",
        ),
        ({"countermeasure": "of-another-release"}, "a model trained after of-another-release"),
    ],
)
def test_a_headline_says_in_plain_words_who_still_learns(changes: dict[str, Any], expected: str) -> None:
    weak = replace(row(before=0.65, after=0.45), **changes)
    found = verdict_of(evidence(row(before=0.65, after=0.25), weak))
    assert plain(found.headline).endswith(f", but {expected} still learns most of it: 45 of 65 %.")


def test_half_of_what_is_learned_above_chance_is_not_most_of_it() -> None:
    for after, expected in ((0.39, False), (0.41, True)):  # half of 60 points above chance is 30
        found = verdict_of(evidence(row(before=0.70, after=0.25), row(before=0.70, after=after)))
        assert ("most of it" in found.headline) is expected


def test_a_row_whose_originals_teach_nothing_is_not_the_weakest() -> None:
    found = verdict_of(evidence(row(before=0.65, after=0.25), row(before=0.11, after=0.11)))
    assert "still learns" not in found.headline


def test_early_stopping_is_considered() -> None:
    early = row(before=0.662, after=0.247, peak_after=0.65)
    assert outcome_of(early, chance=CHANCE) == "shown, not for early stopping"
    found = verdict_of(evidence(early))
    assert found.tone == "partly"
    assert any("65 %" in plain(s) and "stops at the best epoch" in s for s in found.details)


def test_partial_protection_is_stated() -> None:
    found = verdict_of(evidence(row(before=0.662, after=0.5, protected_percentage=60)))
    assert "60 % of their training images were protected." in [plain(s) for s in found.details]


def test_no_rows_means_not_measured_with_the_reason() -> None:
    found = verdict_of(evidence(note="too few images: 12 could be held out"))
    assert found.tone == "not measured"
    assert found.details == ("Too few images: 12 could be held out.",)
    assert "%" not in found.headline


def test_touching_intervals_show_no_protection() -> None:
    one = replace(row(before=0.5, after=0.4), ci95_before=(0.45, 0.55), ci95_after=(0.35, 0.45))
    assert outcome_of(one, chance=CHANCE) == "not shown"
