"""What the evidence of a protection does not show: plain sentences, chosen by the spec and by what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.generators.card import Card
from core.generators.measurements import standard_figures
from core.reports.evidence_time import left_out, shortened
from core.reports.photograph_caveats import target_caveats, texture_caveats, texture_countermeasures
from core.reports.verdict import outcome_of
from core.reports.wording import as_sentence, percent
from core.results.evidence import Evidence, EvidenceRow
from core.specs.catalog import HOW_TO_GET_WEIGHTS
from core.specs.protect import TEXTURE, ProtectSpec

WIDE_INTERVAL = 0.05
"""Half width of a 95 % interval above which a report calls its accuracies uncertain."""

NON_ROBUST_METHODS = ("em", "tap", "ntga")
"""Methods whose search for noise has no adversary."""

MAY_KNOW_IMAGES = (
    "The generator may have been trained on these images, including the test images. On images that it never saw, the "
    "protection may be a little weaker."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCounts:
    """How the noise was put on the images.

    Attributes:
        work_size: Side in pixels at which the noise was made.
        images: Images in all.
        enlarged: Images with a side longer than `work_size`, whose noise was enlarged.
        exceeded: Images that differ from the upload by more than radius_u, because their format is lossy.
        beyond: Share of the colour values of these images that differ by more.
        classes: Classes of the images, without that of images without a label.
        max_flip: The target of visibility, as FLIP, that each image meets; None where there is none.
        faint: Images of which this target left next to no noise.
    """

    work_size: int
    images: int
    enlarged: int
    exceeded: int
    beyond: float = 0.0
    classes: int = 2
    max_flip: float | None = None
    faint: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorUse:
    """A generator, trained beforehand, that made the noise.

    Attributes:
        card: What is known of its training.
        may_know_images: Whether it may have been trained on the images that it protects.
    """

    card: Card
    may_know_images: bool


def protection_caveats(
    spec: ProtectSpec, evidence: Evidence, counts: DeliveryCounts, generator: GeneratorUse | None = None
) -> tuple[str, ...]:
    """The caveats of one protection.

    Args:
        spec: What was requested.
        evidence: What was measured.
        counts: How the noise was put on the images.
        generator: The generator that made the noise; None if a surrogate was trained for these images.
    """
    return (
        *_about_accuracies(evidence),
        *_about_sample(evidence, counts),
        *_about_generator(generator),
        *_about_album(counts, generator),
        *_about_images(spec, evidence, counts),
        *learner_caveats(
            spec, evidence, uses_greyscale_surrogate=generator is not None and generator.card.grey_updates > 0
        ),
    )


def _about_accuracies(evidence: Evidence) -> Iterator[str]:
    if not evidence.rows:
        yield as_sentence("there is no evidence that this protection works: " + (evidence.note or "none was requested"))
        return
    not_shown = [row.name for row in evidence.rows if not outcome_of(row, chance=evidence.chance).startswith("shown")]
    if not_shown:
        yield f"Protection is not shown against: {'; '.join(not_shown)}."
    yield from filter(None, (left_out(evidence), shortened(evidence)))
    half = max((high - low) / 2 for row in evidence.rows for low, high in (row.ci95_before, row.ci95_after))
    if half > WIDE_INTERVAL:
        yield uncertainty(evidence.test_images, half)
    yield run_to_run(1)


def uncertainty(test_images: int, half: float) -> str:
    """The caveat of a wide interval.

    Args:
        test_images: How many images tested the learners.
        half: Half width of the widest interval, as a fraction.
    """
    return (
        f"With only {test_images} test images, each accuracy is uncertain by up to {half * 100:.0f} percentage points "
        "in either direction."
    )


def run_to_run(runs: int) -> str:
    """The caveat that intervals leave out the variation between training runs.

    Args:
        runs: Training runs behind each accuracy.
    """
    source = "one training run" if runs == 1 else f"the mean of {runs} training runs"
    return (
        f"Each accuracy is {source}. The intervals show how much depends on the choice of test images, not how much "
        "another run would differ."
    )


def _about_generator(generator: GeneratorUse | None) -> Iterator[str]:
    if generator is None:
        return
    card = generator.card
    other_datasets = (
        "How well it works on other datasets says little about these images; only what is measured on these images "
        "counts."
    )
    yield (
        f"The noise was made by the generator “{card.name}”, which was trained beforehand on {card.images:,} images of "
        f"“{card.data}”. {MAY_KNOW_IMAGES if generator.may_know_images else other_datasets}"
    )
    yield (
        "Anyone who has this generator can compute its noise again and subtract it, and everyone has the generators "
        "that ship with the software. Where this was measured, it recovered 2 to 11 of about 40 percentage points "
        "(SEM, CIFAR-10, standard training)."
    )


def _about_album(counts: DeliveryCounts, generator: GeneratorUse | None) -> Iterator[str]:
    if counts.classes > 1:
        return
    yield (
        "All images are one class, and all have noise of one kind. It is made for training sets in which they "
        "join other classes: a model can then learn the noise in place of what the images show."
    )
    measured = None if generator is None else standard_figures(generator.card.measured)
    if generator is not None and measured is not None:
        yield (
            "Nothing was measured on these images. What is known are figures of the generator "
            f"“{generator.card.name}”, not of this album: {measured}."
        )


def _about_sample(evidence: Evidence, counts: DeliveryCounts) -> Iterator[str]:
    used = evidence.train_images + evidence.test_images
    if evidence.rows and used < counts.images:
        yield f"{used:,} of the {counts.images:,} images were used, drawn at random from every class."


def _about_images(spec: ProtectSpec, evidence: Evidence, counts: DeliveryCounts) -> Iterator[str]:
    if counts.exceeded:
        yield (
            f"{counts.exceeded:,} of {counts.images:,} delivered images differ from the upload by more than "
            f"{spec.radius_u} of 255 in some colour values ({percent(counts.beyond, digits=1)} of theirs). JPEG and "
            "other lossy formats round the values that radius_u bounds; the png format stays within it."
        )
    if counts.enlarged:
        yield (
            f"The noise was made at {counts.work_size} x {counts.work_size} pixels and enlarged for "
            f"{counts.enlarged:,} of {counts.images:,} images. Models that see the images at another size see blurred "
            f"or coarser noise. {_measured_sizes(evidence)}"
        )
    if counts.max_flip is not None:
        yield from target_caveats(spec, images=counts.images, faint=counts.faint)
    if spec.percentage < 100:
        yield (
            f"Only {percent(spec.percentage / 100)} of the images are protected. Models learn from the unprotected "
            "ones, and a small clean share undoes much of the protection."
        )
    else:
        yield (
            "A model learns from clean images of the same classes if it gets any, such as copies that were published "
            "earlier. This was not measured."
        )


def learner_caveats(spec: ProtectSpec, evidence: Evidence, *, uses_greyscale_surrogate: bool) -> Iterator[str]:
    """What is known of learners other than the measured ones.

    Args:
        spec: How the noise was made.
        evidence: What was measured.
        uses_greyscale_surrogate: Whether the noise comes from a generator that was trained on greyscale images as well.
    """
    rows = evidence.rows
    radii = _largest_radii(rows)
    yield (
        "Adversarial training weakens the noise, and a larger radius weakens it more. It undoes most of the protection "
        f"beyond about {spec.radius_u / 2:g} of 255 (half of radius_u) in Linf. "
        + (f"Radii above {_list_radii(radii)} were not measured." if radii else "No radius was measured here.")
    )
    if spec.method in NON_ROBUST_METHODS:
        yield (
            f"{spec.method.upper()} noise is not made to withstand adversarial training. In published measurements "
            "with a radius_u of 8 of 255, a radius of 4 of 255 undid nearly all of the protection (Fu et al. 2022, "
            "Table 1)."
        )
    elif not spec.eot and spec.method != TEXTURE:
        yield (
            "The noise was searched without random crops and flips, as requested. In the published measurements of "
            "REM, adversarial training with a radius of 2 of 255 undid such noise (Fu et al. 2022, Table 4)."
        )
    yield from texture_caveats(spec)
    yield _countermeasures(spec, rows, uses_greyscale_surrogate=uses_greyscale_surrogate)
    yield "Purification, such as passing the images through a diffusion model, can remove the noise. Not measured."
    yield _pretrained_models(rows)
    if rows:
        learners = ", ".join(sorted({row.architecture for row in rows}))
        sizes = " and ".join(f"{size} x {size}" for size in sizes_of(evidence))
        yield (
            f"The measured learner{'s' if ',' in learners else ''}: {learners}, at {sizes} pixels. No other was tried, "
            "and another kind may learn much more."
        )
    yield (
        "The noise is made against learning these classes. Other labels, and generative models trained on the images, "
        "were not measured."
    )


def _measured_sizes(evidence: Evidence) -> str:
    if not evidence.rows:
        return "They were not measured."
    return f"Learners saw them at {' and '.join(map(str, sizes_of(evidence)))} pixels; no other size was measured."


def sizes_of(evidence: Evidence) -> list[int]:
    """The sizes in pixels at which learners saw the images, in ascending order."""
    return sorted({row.image_size or evidence.image_size for row in evidence.rows} or {evidence.image_size})


def _pretrained_models(rows: tuple[EvidenceRow, ...]) -> str:
    if any(row.is_pretrained for row in rows):
        return (
            "The pretrained network is a small one, EfficientNet-Lite0 with the weights of ImageNet. Larger ones, and "
            "those that were trained on many more images, learn more from protected images. Not measured."
        )
    why = f", because the weights are not on this machine: {HOW_TO_GET_WEIGHTS}" if _on_photographs(rows) else ""
    return (
        "The measured models start from random weights. Fine-tuning a model that was pretrained on other images learns "
        f"more from protected images. No such model was measured{why}."
    )


def _on_photographs(rows: tuple[EvidenceRow, ...]) -> bool:
    """Whether the rows are those of photographs, among which pretrained learners belong where there are weights."""
    return any(row.image_size is not None for row in rows)


def _countermeasures(spec: ProtectSpec, rows: tuple[EvidenceRow, ...], *, uses_greyscale_surrogate: bool) -> str:
    known = (
        "Half to two thirds of the accuracy that the noise takes came back on CIFAR-10, and all of it on Tiny ImageNet "
        "with greyscale (SEM by a generator that ships, standard training)."
        if uses_greyscale_surrogate
        else "Where this was measured, most or all of the accuracy that the noise takes came back (SEM, CIFAR-10, "
        "standard training)."
    )
    tried = sorted({row.countermeasure for row in rows if row.countermeasure is not None})
    here = f"Measured here: {', '.join(tried)}; nothing else." if tried else "None of them was measured here."
    if spec.method == TEXTURE:
        return texture_countermeasures(here)
    return (
        "Greyscale conversion, strong JPEG compression and strong random colour changes before training weaken the "
        f"noise. {known} {here}"
    )


def _largest_radii(rows: tuple[EvidenceRow, ...]) -> dict[str, int]:
    """The largest radius of adversarial training by norm."""
    largest: dict[str, int] = {}
    for row in rows:
        if row.training == "adversarial":
            norm = row.norm or "Linf"
            largest[norm] = max(row.radius, largest.get(norm, 0))
    return largest


def _list_radii(radii: dict[str, int]) -> str:
    """'4', or '4 in Linf and 100 in L2', or '4 in Linf, 100 in L2 and 3000 in L1'."""
    if list(radii) == ["Linf"]:
        return str(radii["Linf"])
    parts = [f"{radius} in {norm}" for norm, radius in radii.items()]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
