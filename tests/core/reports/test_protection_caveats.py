"""The caveats of a report depend on what was requested and what was measured."""

from dataclasses import replace
from typing import Any

from core.generators.card import Card
from core.reports.protection_caveats import DeliveryCounts, GeneratorUse, protection_caveats
from core.results.evidence import Evidence
from core.specs.protect import ProtectSpec
from tests.support.generator_files import a_card
from tests.support.report_samples import adversarial, evidence, row

GOOD = evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.384))


def caveats_of(
    found: Evidence = GOOD,
    *,
    enlarged: int = 0,
    exceeded: int = 0,
    generator: Card | None = None,
    may_know_images: bool = False,
    has_key: bool = False,
    **spec: Any,
) -> str:
    """All caveats of a protection, a line each."""
    lines = protection_caveats(
        ProtectSpec(**spec),
        found,
        DeliveryCounts(work_size=32, images=1000, enlarged=enlarged, exceeded=exceeded, beyond=exceeded / 500),
        None if generator is None else GeneratorUse(card=generator, may_know_images=may_know_images, has_key=has_key),
    )
    assert len(set(lines)) == len(lines)
    assert all(not line[0].islower() and line.endswith(".") for line in lines), lines
    return "\n".join(lines).replace("\u00a0", " ")


def test_general_caveats_are_always_present() -> None:
    for phrase in ("Adversarial training weakens", "JPEG", "Purification", "pretrained", "clean images of the same"):
        assert phrase in caveats_of()


def test_the_measured_radius_is_stated() -> None:
    assert "about 4 of 255 (half of the noise radius) in Linf. Radii above 4 were not measured." in caveats_of()
    assert "about 8 of 255 (half of the noise radius) in Linf. No radius was measured here." in caveats_of(
        evidence(row(before=0.6, after=0.2)), radius_u=16
    )


def test_what_adversarial_training_does_to_textures_is_not_taken_from_other_noise() -> None:
    found = caveats_of(method="texture")
    assert "A radius of 4 of 255 in Linf undid even plainly visible textures" in found
    assert "half of the noise radius" not in found


def test_what_measured_models_start_from_is_said_where_some_were_measured() -> None:
    assert "The measured models start from random weights." in caveats_of()
    assert "measured models" not in caveats_of(evidence(note="none was requested"))


def test_the_steps_of_the_adversary_are_stated_where_there_was_one() -> None:
    standard, robust = row(before=0.6, after=0.2), adversarial(4, before=0.6, after=0.3)
    tuned = adversarial(4, before=0.6, after=0.3, architecture="tuned", learner="pretrained-finetune")
    assert "took 2 steps of projected gradient descent; in the published measurements it took 10." in caveats_of()
    assert "took 7 steps of" in caveats_of(evidence(robust), evidence="full")
    assert "took 4 or 7 steps of" in caveats_of(evidence(robust, tuned), evidence="full")
    assert "projected gradient descent" not in caveats_of(evidence(standard))


def test_radii_are_listed_by_norm() -> None:
    rows = [adversarial(4, before=0.6, after=0.3)]
    for norm, radius in (("L2", 50), ("L2", 100), ("L1", 3000)):
        rows.append(row(training="adversarial", norm=norm, radius=radius, before=0.6, after=0.3))
    assert "Radii above 4 in Linf, 100 in L2 and 3000 in L1 were not measured." in caveats_of(evidence(*rows))
    assert "Radii above 100 in L2 were not measured." in caveats_of(evidence(*rows[1:3]))


def test_rows_that_show_no_protection_are_listed() -> None:
    weak = evidence(row(before=0.662, after=0.247), adversarial(4, before=0.558, after=0.55))
    assert "Protection is not shown against: adversarial training, Linf radius 4/255." in caveats_of(weak)
    assert "Protection is not shown against" not in caveats_of()


def test_few_test_images_make_wide_intervals() -> None:
    few = evidence(row(before=0.6, after=0.2, n=100), test_images=100)
    assert "With only 100 test images, each accuracy is uncertain by up to 9 percentage points" in caveats_of(few)
    assert "With only" not in caveats_of()


def test_the_spread_over_seeds_is_stated_where_it_was_measured() -> None:
    assert "Each accuracy is one training run." in caveats_of()
    repeated = replace(
        adversarial(4, before=0.5, after=0.3), runs={"before": (0.5, 0.52, 0.48), "after": (0.3, 0.28, 0.32)}
    )
    both = caveats_of(evidence(row(before=0.6, after=0.2), repeated))
    assert "means of 3 training runs with other seeds, but for 1 of the 2 comparisons, which have one. " in both
    spread = "deviation of the difference is at most 4.0 percentage points (adversarial training, Linf radius 4/255)."
    assert spread in both
    assert "means of 3 training runs with other seeds. " in caveats_of(evidence(repeated))
    assert "one training run" not in both


def test_partial_protection_is_stated() -> None:
    assert "Only 60 % of the images are protected." in caveats_of(percentage=60)
    assert "of the images are protected" not in caveats_of()


def test_lossy_files_and_enlarged_noise_are_counted() -> None:
    text = caveats_of(format="same", exceeded=17, enlarged=1000)
    assert "17 of 1,000 delivered images differ from the upload by more than 8 of 255" in text
    assert "in some colour values (3.4 % of theirs)" in text
    assert "made at 32 x 32 pixels and enlarged for 1,000 of 1,000" in text
    assert "lossy" not in caveats_of()
    assert "enlarged" not in caveats_of()


def test_a_generator_of_other_images_is_available_to_others() -> None:
    text = caveats_of(generator=a_card())
    assert "trained beforehand on" in text
    assert "only what is measured on these images counts" in text
    assert "may have been trained on these images" not in text
    assert "Anyone who has this generator" in text
    assert "generator" not in caveats_of()


def test_greyscale_undoes_less_of_the_noise_of_a_greyscale_surrogate() -> None:
    for generator in (None, a_card(network_updates=5)):
        assert "most or all of the accuracy that the noise takes came back" in caveats_of(generator=generator)
    text = caveats_of(generator=a_card(network_updates=5, grey_updates=5))
    assert (
        "Half to two thirds of the accuracy that the noise takes came back on CIFAR-10, and all of it on Tiny ImageNet"
        in text
    )
    assert "most or all" not in text


def test_measured_countermeasures_are_named() -> None:
    tried = evidence(row(before=0.6, after=0.2), row(before=0.6, after=0.3, countermeasure="jpeg-75"))
    assert "Measured here: jpeg-75; nothing else." in caveats_of(tried)
    assert "None of them was measured here." in caveats_of()


def test_missing_evidence_is_the_first_caveat() -> None:
    first = caveats_of(evidence(note="none was requested"), evidence="none").splitlines()[0]
    assert first == "There is no evidence that this protection works: none was requested."


def test_noise_without_adversary_or_transformations_is_stated() -> None:
    for method in ("em", "tap", "ntga"):
        assert f"{method.upper()} noise is not made to withstand adversarial training." in caveats_of(method=method)
    for method in ("rem", "sem"):
        assert "not made to withstand" not in caveats_of(method=method)
        assert "searched without random crops" in caveats_of(method=method, eot=False)
    assert "searched without random crops" in caveats_of(eot=False)
    assert "searched without" not in caveats_of()


def test_noise_with_a_secret_key_cannot_be_computed_again() -> None:
    text = caveats_of(generator=a_card(), has_key=True)
    assert "this noise has a secret key" in text
    assert "Anyone who has this generator" not in text


def test_a_generator_that_may_know_the_images_is_stated() -> None:
    text = caveats_of(generator=a_card(), may_know_images=True)
    assert "may have been trained on these images, including the test images" in text
    assert "only what is measured on these images counts" not in text
    assert "Anyone who has this generator" in text


def test_files_that_miss_the_target_or_grow_are_named() -> None:
    counts = DeliveryCounts(
        work_size=128,
        images=90,
        enlarged=0,
        exceeded=0,
        max_flip=0.028,
        faint=7,
        missed=tuple(f"{n}.avif" for n in range(7)),
        grown=("a.webp",),
    )
    text = "\n".join(protection_caveats(ProtectSpec(visibility="subtle", method="texture"), GOOD, counts))
    assert "7 of 90 images miss the visibility “subtle” and have no noise" in text
    assert "Files: 0.avif, 1.avif, 2.avif, 3.avif, 4.avif and 2 more, which report.json names." in text
    assert "1 of 90 files are more than 1.5 times as large" in text
    assert "File: a.webp." in text
    assert "next to no noise" not in text  # those that miss the target are counted once
