"""What the evidence does not show: plain sentences, chosen from what was asked and what was measured."""

from collections.abc import Iterator

from core.generators.card import Card
from core.reports.wording import outcome, percent, sentence
from core.results.evidence import Evidence
from core.specs.protect import ProtectSpec

WIDE = 0.05
"""Half width of an interval from which on a report says that its numbers are coarse."""

NO_ADVERSARY = ("em", "tap", "ntga")
"""Methods that find their noise without an adversary."""

MAY_KNOW = (
    "What it learned from has the name or the classes of this dataset: these very pictures may be among it, also those "
    "that are tested. On pictures that it never saw it may do a little less well."
)
"""What is said of a generator that may know the pictures."""


def limits(
    *,
    spec: ProtectSpec,
    evidence: Evidence,
    work_size: int,
    pictures: int,
    enlarged: int,
    exceeded: int,
    generator: Card | None = None,
    familiar: bool = False,
) -> tuple[str, ...]:
    """The limits of one protection; `generator` is the card of the one which was trained beforehand and made the noise.

    work_size: side in pixels of the noise as made. Of `pictures` in all, `enlarged` have a side longer than that, and
    `exceeded` differ from the upload by more than radius_u, because their format is lossy. `familiar`: the generator
    may have been trained on these very pictures.
    """
    return (
        *_of_the_numbers(evidence),
        *_of_the_generator(generator, familiar),
        *_of_the_pictures(spec, work_size=work_size, pictures=pictures, enlarged=enlarged, exceeded=exceeded),
        *of_the_learner(spec, evidence, uses_greyscale_surrogate=generator is not None and generator.grey_updates > 0),
    )


def _of_the_numbers(evidence: Evidence) -> Iterator[str]:
    if not evidence.rows:
        yield sentence("there is no evidence that this protection works: " + (evidence.note or "none was asked for"))
        return
    unshown = [row.name for row in evidence.rows if not outcome(row, chance=evidence.chance).startswith("shown")]
    if unshown:
        yield f"Protection is not shown against: {'; '.join(unshown)}."
    half = max((high - low) / 2 for row in evidence.rows for low, high in (row.ci95_before, row.ci95_after))
    if half > WIDE:
        yield (
            f"With only {evidence.test_images} test pictures each accuracy is uncertain by up to {half * 100:.0f} "
            "percentage points either way."
        )
    yield (
        "Each number is one training run. The intervals say how much depends on which pictures were tested, not how "
        "much another run would differ."
    )


def _of_the_generator(card: Card | None, familiar: bool) -> Iterator[str]:
    if card is not None:
        yield (
            f"The noise was made by the generator “{card.name}”, which was trained beforehand on {card.images:,} "
            f"pictures of “{card.data}”. "
            + (
                MAY_KNOW
                if familiar
                else "How well it does elsewhere says little about these pictures: only what is measured on these "
                "counts."
            )
        )
        yield (
            "Whoever has that generator, as everybody has one that ships with the software, can make its noise again "
            "and take it away. That gave back 2 to 11 of about 40 percentage points where it was measured (SEM, "
            "CIFAR-10, standard training)."
        )


def _of_the_pictures(
    spec: ProtectSpec, *, work_size: int, pictures: int, enlarged: int, exceeded: int
) -> Iterator[str]:
    if exceeded:
        yield (
            f"{exceeded:,} of {pictures:,} delivered pictures differ from the upload by more than {spec.radius_u} of "
            "255 somewhere, because their format is lossy. The png format stays within the radius."
        )
    if enlarged:
        yield (
            f"The noise was made at {work_size} x {work_size} pixels and enlarged for {enlarged:,} of {pictures:,} "
            "pictures. Models that see the pictures at another size were not measured; there the noise is blurred "
            "or coarser."
        )
    if spec.percentage < 100:
        yield (
            f"Only {percent(spec.percentage / 100)} of the pictures are protected. Models learn from those that are "
            "not, and a small clean share undoes much of the protection."
        )
    else:
        yield (
            "A model that also gets clean pictures of the same classes, from copies published earlier or from "
            "elsewhere, learns from those. This was not measured."
        )


def of_the_learner(spec: ProtectSpec, evidence: Evidence, *, uses_greyscale_surrogate: bool) -> Iterator[str]:
    """What other learners than those in the evidence do, as far as it is known.

    `uses_greyscale_surrogate`: the noise is of a generator that was trained against being turned grey, too.
    """
    rows = evidence.rows
    most: dict[str, int] = {}
    for row in rows:
        if row.training == "adversarial":
            norm = row.norm or "Linf"
            most[norm] = max(row.radius, most.get(norm, 0))
    yield (
        "Adversarial training weakens the noise, more with a larger radius, and mostly undoes it beyond about "
        f"{spec.radius_u / 2:g} of 255 (half of radius_u) in Linf. "
        + (f"Radii above {_list(most)} were not measured." if most else "No radius was measured here.")
    )
    if spec.method in NO_ADVERSARY:
        yield (
            f"{spec.method.upper()} noise is not made to withstand adversarial training. In published measurements, "
            "at a radius_u of 8, a radius of 4 of 255 undid nearly all of it (Fu et al. 2022, Table 1)."
        )
    elif not spec.eot:
        yield (
            "The noise was not found through random crops and mirrors, as was asked. In the published measurements of "
            "REM, adversarial training at a radius of 2 of 255 undid such noise (Fu et al. 2022, Table 4)."
        )
    tried = sorted({row.countermeasure for row in rows if row.countermeasure is not None})
    back = (
        "half to two thirds of what the noise takes on CIFAR-10, and turning grey all of it on Tiny ImageNet, where "
        "this was measured (SEM by a generator that ships, standard training). "
        if uses_greyscale_surrogate
        else "most or all of what the noise takes where this was measured (SEM, CIFAR-10, standard training). "
    )
    yield (
        "Turning the pictures grey before training, strong JPEG compression and strong random changes of colour gave "
        f"back {back}"
        + (f"Measured here: {', '.join(tried)}; nothing else." if tried else "None of them was measured here.")
    )
    yield "Purification, such as passing the pictures through a diffusion model, can remove the noise. Not measured."
    yield (
        "Models here start from random weights. Fine-tuning a model that was pretrained on other pictures learns more "
        "from protected ones. Not measured."
    )
    if rows:
        learners = ", ".join(sorted({row.architecture for row in rows}))
        size = f"{evidence.image_size} x {evidence.image_size}"
        yield (
            f"The learner that was measured: {learners}, at {size} pixels. No other was tried, and another kind may "
            "learn much more."
        )
    yield (
        "The noise is made against learning these classes. Other labels, and generative models trained on the "
        "pictures, were not measured."
    )


def _list(most: dict[str, int]) -> str:
    """The largest radius measured in each norm: '4', or '4 in Linf and 100 in L2', or '4 in Linf, 100 in L2 and …'."""
    if list(most) == ["Linf"]:
        return str(most["Linf"])
    parts = [f"{radius} in {norm}" for norm, radius in most.items()]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
