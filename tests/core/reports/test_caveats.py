"""What a report owns up to depends on what was asked and what was measured."""

from typing import Any

from core.generators.card import Card
from core.reports.caveats import limits
from core.results.evidence import Evidence
from core.specs.protect import ProtectSpec
from tests.support.generator_files import a_card
from tests.support.report_samples import adversarial, evidence, row

GOOD = evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.384))


def said(
    found: Evidence = GOOD,
    *,
    enlarged: int = 0,
    exceeded: int = 0,
    generator: Card | None = None,
    familiar: bool = False,
    **spec: Any,
) -> str:
    lines = limits(
        spec=ProtectSpec(**spec),
        evidence=found,
        work_size=32,
        pictures=1000,
        enlarged=enlarged,
        exceeded=exceeded,
        generator=generator,
        familiar=familiar,
    )
    assert len(set(lines)) == len(lines)
    assert all(not line[0].islower() and line.endswith(".") for line in lines), lines
    return "\n".join(lines).replace("\u00a0", " ")


def test_what_always_holds_is_always_said() -> None:
    for phrase in ("Adversarial training weakens", "JPEG", "Purification", "pretrained", "clean pictures of the same"):
        assert phrase in said()


def test_the_adversary_that_was_measured_is_named() -> None:
    assert "about 4 of 255 (half of radius_u) in Linf. Radii above 4 were not measured." in said()
    assert "about 8 of 255 (half of radius_u) in Linf. No radius was measured here." in said(
        evidence(row(before=0.6, after=0.2)), radius_u=16
    )


def test_radii_are_told_norm_by_norm() -> None:
    rows = [adversarial(4, before=0.6, after=0.3)]
    for norm, radius in (("L2", 50), ("L2", 100), ("L1", 3000)):
        rows.append(row(training="adversarial", norm=norm, radius=radius, before=0.6, after=0.3))
    assert "Radii above 4 in Linf, 100 in L2 and 3000 in L1 were not measured." in said(evidence(*rows))
    assert "Radii above 100 in L2 were not measured." in said(evidence(*rows[1:3]))


def test_rows_that_show_nothing_are_listed() -> None:
    weak = evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.55))
    assert "Protection is not shown against: adversarial training, Linf radius 4/255." in said(weak)
    assert "Protection is not shown against" not in said()


def test_few_test_images_make_wide_intervals() -> None:
    few = evidence(row(before=0.6, after=0.2, n=100), test_images=100)
    assert "With only 100 test pictures each accuracy is uncertain by up to 9 percentage points" in said(few)
    assert "With only" not in said()


def test_a_clean_share_is_owned_up_to() -> None:
    assert "Only 60 % of the pictures are protected." in said(percentage=60)
    assert "of the pictures are protected" not in said()


def test_lossy_files_and_enlarged_noise_are_counted() -> None:
    text = said(format="same", exceeded=17, enlarged=1000)
    assert "17 of 1,000 delivered pictures differ from the upload by more than 8 of 255" in text
    assert "made at 32 x 32 pixels and enlarged for 1,000 of 1,000" in text
    assert "lossy" not in said()
    assert "enlarged" not in said()


def test_a_generator_is_a_stranger_and_others_may_have_it() -> None:
    text = said(generator=a_card())
    assert "trained beforehand on" in text
    assert "only what is measured on these counts" in text
    assert "may be among it" not in text
    assert "Whoever has that generator" in text
    assert "generator" not in said()


def test_turning_grey_gives_back_less_of_noise_that_was_judged_in_grey() -> None:
    for generator in (None, a_card(network_updates=5)):
        assert "gave back most or all of what the noise takes" in said(generator=generator)
    text = said(generator=a_card(network_updates=5, grey_updates=5))
    assert (
        "gave back half to two thirds of what the noise takes on CIFAR-10, and turning grey all of it on Tiny ImageNet"
        in text
    )
    assert "most or all" not in text


def test_a_countermeasure_that_was_measured_is_not_called_unmeasured() -> None:
    tried = evidence(row(before=0.6, after=0.2), row(before=0.6, after=0.3, countermeasure="jpeg-75"))
    assert "Measured here: jpeg-75; nothing else." in said(tried)
    assert "None of them was measured here." in said()


def test_without_evidence_that_comes_first() -> None:
    first = said(evidence(note="none was asked for"), evidence="none").splitlines()[0]
    assert first == "There is no evidence that this protection works: none was asked for."


def test_noise_without_an_adversary_or_transformations_is_owned_up_to() -> None:
    for method in ("em", "tap", "ntga"):
        assert f"{method.upper()} noise is not made to withstand adversarial training." in said(method=method)
    for method in ("rem", "sem"):
        assert "not made to withstand" not in said(method=method)
        assert "not found through random crops" in said(method=method, eot=False)
    assert "not found through random crops" in said(eot=False)
    assert "not found through" not in said()


def test_a_generator_that_may_know_the_pictures_is_none() -> None:
    text = said(generator=a_card(), familiar=True)
    assert "these very pictures may be among it, also those that are tested" in text
    assert "only what is measured on these counts" not in text
    assert "Whoever has that generator" in text
