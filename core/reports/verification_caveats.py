"""What a verification does not show: plain sentences, chosen from what was asked and what was measured."""

from collections.abc import Iterator

from core.archive.manifest import Manifest
from core.reports.caveats import MAY_KNOW, WIDE, of_the_learner
from core.reports.wording import outcome, percent
from core.results.evidence import Evidence
from core.results.verification import VerifyReport
from core.specs.protected_class import tested_on
from core.specs.verify import VerifySpec

MOST_NAMED = 6  # rows that a sentence can name


def limits_of(
    report: VerifyReport, spec: VerifySpec, manifest: Manifest | None, *, missing: int, percentage: int
) -> tuple[str, ...]:
    """The limits of the rows so far.

    `missing`: pictures of the upload that the archive does not have. `percentage`: of the training pictures, those that
    are protected in the archive.
    """
    return (
        *_of_one_class(report),
        *_of_the_numbers(report, spec),
        *(_of_the_archive(report, manifest, missing, percentage) if manifest else _of_a_dataset()),
        *(
            of_the_learner(
                manifest.spec, _comparisons(report), uses_greyscale_surrogate=manifest.uses_greyscale_surrogate
            )
            if manifest
            else ()
        ),
    )


def _of_one_class(report: VerifyReport) -> Iterator[str]:
    name, found = report.protected_class, report.evidence
    if name is not None:
        yield (
            f"{tested_on(found.test_images, name)} How well another class is protected alone, or all of them together, "
            "was not measured."
        )
        yield (
            f"How often pictures of other classes are taken for “{name}” was not measured, either: a model that names "
            f"it for every picture reaches {percent(1)} here, as some do for a moment early in their training."
        )


def _of_the_numbers(report: VerifyReport, spec: VerifySpec) -> Iterator[str]:
    found = report.evidence
    compared = [(row, row.comparison) for row in found.rows]
    unshown = [row.name for row, one in compared if one and not outcome(one, chance=found.chance).startswith("shown")]
    if len(unshown) > MOST_NAMED:
        yield f"Protection is not shown in {len(unshown)} of {len(found.rows)} rows; the heat map marks them."
    elif unshown:
        yield f"Protection is not shown against: {'; '.join(unshown)}."
    half = max((high - low) / 2 for row in found.rows for low, high in (s.ci95 for s in row.sides.values()))
    if half > WIDE:
        yield (
            f"With only {found.test_images} test pictures each accuracy is uncertain by up to {half * 100:.0f} "
            "percentage points either way."
        )
    runs = "one training run" if spec.seeds == 1 else f"the mean of {spec.seeds} training runs"
    yield (
        f"Each number is {runs}. The intervals say how much depends on which pictures were tested, not how much "
        "another run would differ."
    )


def _of_the_archive(report: VerifyReport, manifest: Manifest, missing: int, percentage: int) -> Iterator[str]:
    if manifest.trained_on_all_images:
        yield (
            "The protection took no evidence, so its noise was learned from every picture, those that are tested here "
            "among them. It may do a little less well against models that are tested on others."
        )
    classes = [one.name for one in report.dataset.classes]
    if manifest.may_have_learned(name=report.dataset.name, classes=classes):
        yield f"The noise was made by a generator that was trained beforehand. {MAY_KNOW}"
    if manifest.spec.percentage < 100:
        yield (
            f"Only {percent(manifest.spec.percentage / 100)} of the pictures in the archive are protected, and "
            f"{percent(percentage / 100)} of those that models are trained on here."
        )
    if missing:
        yield f"{missing:,} pictures of the upload are not in the archive, and were left out of the training."


def _of_a_dataset() -> Iterator[str]:
    yield "This dataset was tried alone, as it was uploaded: nothing here says what a protection would change."


def _comparisons(report: VerifyReport) -> Evidence:
    found = report.evidence
    return Evidence(
        learner="",
        image_size=found.image_size,
        train_images=found.train_images,
        test_images=found.test_images,
        chance=found.chance,
        rows=tuple(one for row in found.rows if (one := row.comparison)),
    )
