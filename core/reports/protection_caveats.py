"""What the evidence of a protection does not show: plain sentences, chosen by the spec and by what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.generators.card import Card
from core.generators.measurements import standard_figures
from core.reports.album_wording import album_caveat
from core.reports.evidence_time import left_out, shortened
from core.reports.learner_caveats import adversary_caveat, learner_caveats, sizes_of
from core.reports.photograph_caveats import TargetCounts, target_caveats
from core.reports.verdict import outcome_of
from core.reports.wording import as_sentence, percent
from core.results.evidence import Evidence, EvidenceRow
from core.specs.presets import preset_for
from core.specs.protect import ProtectSpec

WIDE_INTERVAL = 0.05
"""Half width of a 95 % interval above which a report calls its accuracies uncertain."""

MAY_KNOW_IMAGES = (
    "The generator may have been trained on these images, including the test images. On images that it never saw, the "
    "protection may be a little weaker."
)

COMPUTED_AGAIN = (
    "Anyone who has this generator can compute its noise again and subtract it, and everyone has the generators that "
    "ship with the software. Where this was measured (CIFAR-10, standard training), it recovered 2 to 11 of about 40 "
    "percentage points, and 20 of 26 with a generator that ships."
)
KEYED_NOISE = (
    "Everyone has the generators that ship with the software, but this noise has a secret key besides. Where it was "
    "measured, subtracting what the generator predicts without the key recovered nothing, and an expert who fitted the "
    "generator to the protected images recovered 0 to 8 of 29 percentage points (CIFAR-10, standard training)."
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
        missed: Paths of images that compression alone changes more visibly than the target.
        grown: Paths of files that are larger than lossy files are by default.
    """

    work_size: int
    images: int
    enlarged: int
    exceeded: int
    beyond: float = 0.0
    classes: int = 2
    max_flip: float | None = None
    faint: int = 0
    missed: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorUse:
    """A generator, trained beforehand, that made the noise.

    Attributes:
        card: What is known of its training.
        may_know_images: Whether it may have been trained on the images that it protects.
        has_key: Whether the vectors of its classes are rotated by a secret key (`core.noise.secret_directions`).
    """

    card: Card
    may_know_images: bool
    has_key: bool = False


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
        *_about_album(counts, evidence, generator),
        *_about_images(spec, evidence, counts),
        *learner_caveats(
            spec, evidence, uses_greyscale_surrogate=generator is not None and generator.card.grey_updates > 0
        ),
        *adversary_caveat(evidence, preset_for(spec.preset, evidence.image_size), spec.evidence),
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
    yield from _seeds(evidence.rows)


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


def _seeds(rows: tuple[EvidenceRow, ...]) -> Iterator[str]:
    """What is known of the variation between training runs."""
    repeated = {n: spread for n, row in enumerate(rows) if (spread := row.spread_of_change) is not None}
    if not repeated:
        yield run_to_run(1)
        return
    widest = max(repeated, key=lambda n: repeated[n])
    once = len(rows) - len(repeated)
    yield (
        f"Accuracies are means of {rows[widest].run_count} training runs with other seeds"
        f"{f', but for {once} of the {len(rows)} comparisons, which have one' if once else ''}. Over the seeds, the "
        f"standard deviation of the difference is at most {100 * repeated[widest]:.1f} percentage points "
        f"({rows[widest].name}). The intervals show how much depends on the choice of test images, and leave it out."
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
    yield KEYED_NOISE if generator.has_key else COMPUTED_AGAIN


def _about_album(counts: DeliveryCounts, evidence: Evidence, generator: GeneratorUse | None) -> Iterator[str]:
    if counts.classes > 1:
        return
    yield (
        "All images are one class, and all have noise of one kind. It is made for training sets in which they "
        "join other classes: a model can then learn the noise in place of what the images show."
    )
    if (caveat := album_caveat(evidence)) is not None:
        yield caveat
        return
    measured = None if generator is None else standard_figures(generator.card.measured)
    if generator is not None and measured is not None:
        yield (
            "Nothing was measured on these images. What is known are figures of the generator "
            f"“{generator.card.name}”, not of this album: {measured}."
        )


def _about_sample(evidence: Evidence, counts: DeliveryCounts) -> Iterator[str]:
    others = 0 if evidence.joined is None else evidence.joined.images
    used = evidence.train_images + evidence.test_images - others
    if evidence.rows and used < counts.images:
        yield f"{used:,} of the {counts.images:,} images were used, drawn at random from every class."


def _about_images(spec: ProtectSpec, evidence: Evidence, counts: DeliveryCounts) -> Iterator[str]:
    if counts.exceeded:
        yield (
            f"{counts.exceeded:,} of {counts.images:,} delivered images differ from the upload by more than "
            f"{spec.radius_u} of 255 in some colour values ({_share(counts.beyond)} of theirs). JPEG and "
            "other lossy formats round the values that the noise radius bounds; the png format stays within it."
        )
    if counts.enlarged:
        yield (
            f"The noise was made at {counts.work_size} x {counts.work_size} pixels and enlarged for "
            f"{counts.enlarged:,} of {counts.images:,} images. Models that see the images at another size see blurred "
            f"or coarser noise. {_measured_sizes(evidence)}"
        )
    if counts.max_flip is not None:
        targets = TargetCounts(images=counts.images, faint=counts.faint, missed=counts.missed, grown=counts.grown)
        yield from target_caveats(spec, targets)
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


def _share(fraction: float) -> str:
    return percent(fraction, digits=1) if fraction >= 0.0005 else f"less than {percent(0.001, digits=1)}"


def _measured_sizes(evidence: Evidence) -> str:
    if not evidence.rows:
        return "They were not measured."
    return f"Learners saw them at {' and '.join(map(str, sizes_of(evidence)))} pixels; no other size was measured."
