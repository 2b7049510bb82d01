"""Which rows the evidence has, and in which order."""

import pytest

from core.evaluation.evidence_cases import EvidenceCase, photograph_cases, small_image_cases


def names(cases: list[EvidenceCase]) -> list[str]:
    return [case.name for case in cases]


def test_small_images_have_one_learner_and_a_greyscale_row() -> None:
    assert names(small_image_cases("quick", 4, learner="small")) == [
        "standard training",
        "adversarial training, Linf radius 4/255",
        "standard training, after greyscale",
    ]


def test_photographs_are_learned_by_a_pretrained_network_and_from_scratch_with_greyscale_rows() -> None:
    assert names(photograph_cases("quick", 4, learner="small", has_pretrained=True)) == [
        "fine-tuned EfficientNet-Lite0 at 128 px, standard training",
        "small residual network at 128 px, standard training",
        "fine-tuned EfficientNet-Lite0 at 128 px, standard training, after greyscale",
        "small residual network at 128 px, standard training, after greyscale",
    ]


def test_without_weights_the_rows_from_scratch_remain() -> None:
    for amount in ("quick", "full"):
        cases = photograph_cases(amount, 4, learner="small", has_pretrained=False)
        assert cases
        assert {case.learner for case in cases} == {"small"}


def test_full_evidence_begins_with_the_quick_rows_and_adds_adversarial_training_a_probe_and_other_sizes() -> None:
    quick, full = (photograph_cases(amount, 4, learner="small", has_pretrained=True) for amount in ("quick", "full"))
    assert full[: len(quick)] == quick
    assert {case.radius for case in full} == {0, 2, 4}
    assert {case.size for case in full} == {64, 128, 224}
    assert "pretrained-probe" in {case.learner for case in full}
    assert not any(case.radius for case in quick)


@pytest.mark.parametrize("radius", [0, 1, 4])
@pytest.mark.parametrize("amount", ["none", "quick", "full"])
def test_no_two_rows_have_the_same_name_or_checkpoint(amount: str, radius: int) -> None:
    for cases in (
        small_image_cases(amount, radius, learner="small"),
        photograph_cases(amount, radius, learner="small", has_pretrained=True),
    ):
        assert len({case.name for case in cases}) == len({case.key for case in cases}) == len(cases)
        assert bool(cases) is (amount != "none")
