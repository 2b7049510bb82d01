"""What a verification does not show: plain sentences, chosen by the spec and by what was measured."""

from collections.abc import Iterator

from core.archive.manifest import Manifest
from core.reports.learner_caveats import adversary_caveat, learner_caveats
from core.reports.protection_caveats import MAY_KNOW_IMAGES, WIDE_INTERVAL, run_to_run, uncertainty
from core.reports.verdict import outcome_of
from core.reports.wording import percent
from core.results.evidence import Evidence
from core.results.verification import VerificationReport
from core.specs.presets import preset_for
from core.specs.protected_class import tested_on
from core.specs.verify import SCHEDULE_OF_SCALE, VerifySpec

MAX_NAMED_ROWS = 6  # in one sentence


def verification_caveats(
    report: VerificationReport, spec: VerifySpec, manifest: Manifest | None, *, missing: int, percentage: int
) -> tuple[str, ...]:
    """The caveats of the rows so far.

    Args:
        report: A verification, finished or not, with at least one row.
        spec: What was requested.
        manifest: That of the protected archive; None for a dataset alone.
        missing: Images of the upload that the archive does not contain.
        percentage: Share of the training images that are protected in the archive, in per cent.
    """
    learners: Iterator[str] = iter(())
    if manifest is None:
        archive = _about_dataset()
    else:
        archive = _about_archive(report, manifest, missing, percentage)
        learners = learner_caveats(
            manifest.spec, _as_evidence(report), uses_greyscale_surrogate=manifest.uses_greyscale_surrogate
        )
    preset = preset_for(spec.scale, report.evidence.image_size)
    adversary = adversary_caveat(_as_evidence(report), preset, SCHEDULE_OF_SCALE[spec.scale])
    return (*_about_class(report), *_about_accuracies(report, spec), *archive, *learners, *adversary)


def _about_class(report: VerificationReport) -> Iterator[str]:
    name = report.protected_class
    if name is not None:
        yield (
            f"{tested_on(report.evidence.test_images, name)} Protection of another class alone, or of all classes "
            "together, was not measured."
        )
        yield (
            f"How often models take images of other classes for “{name}” was not measured either. A model that names "
            f"“{name}” for every image reaches {percent(1)} here, and some models do so for a moment early in training."
        )


def _about_accuracies(report: VerificationReport, spec: VerifySpec) -> Iterator[str]:
    rows, chance = report.evidence.rows, report.evidence.chance
    compared = [(row, row.comparison) for row in rows]
    not_shown = [row.name for row, one in compared if one and not outcome_of(one, chance=chance).startswith("shown")]
    if len(not_shown) > MAX_NAMED_ROWS:
        yield f"Protection is not shown in {len(not_shown)} of {len(rows)} rows; the heat map marks them."
    elif not_shown:
        yield f"Protection is not shown against: {'; '.join(not_shown)}."
    half = max((high - low) / 2 for row in rows for low, high in (arm.ci95 for arm in row.arms.values()))
    if half > WIDE_INTERVAL:
        yield uncertainty(report.evidence.test_images, half)
    yield run_to_run(spec.seeds)


def _about_archive(report: VerificationReport, manifest: Manifest, missing: int, percentage: int) -> Iterator[str]:
    if manifest.trained_on_all_images:
        yield (
            "The protection was made without evidence, so its noise was learned from all images, including the test "
            "images. Against models that are tested on other images it may be a little weaker."
        )
    classes = [one.name for one in report.dataset.classes]
    if manifest.may_have_trained_on(name=report.dataset.name, classes=classes):
        yield f"The noise was made by a generator that was trained beforehand. {MAY_KNOW_IMAGES}"
    if manifest.spec.percentage < 100:
        yield (
            f"Only {percent(manifest.spec.percentage / 100)} of the images in the archive are protected, and "
            f"{percent(percentage / 100)} of the training images."
        )
    if missing:
        yield f"{missing:,} images of the upload are not in the archive. No model was trained on them."


def _about_dataset() -> Iterator[str]:
    yield "This dataset was tested alone, as it was uploaded. Nothing here shows what a protection would change."


def _as_evidence(report: VerificationReport) -> Evidence:
    measured = report.evidence
    return Evidence(
        learner="",
        image_size=measured.image_size,
        train_images=measured.train_images,
        test_images=measured.test_images,
        chance=measured.chance,
        rows=tuple(one for row in measured.rows if (one := row.comparison)),
    )
