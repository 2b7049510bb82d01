"""The archive of a protection: written with a report on what is known then, and completed when all is measured."""

from dataclasses import dataclass
from pathlib import Path

from core.archive.delivered_files import DeliveredFiles
from core.archive.delivery import Delivery, WrittenArchive
from core.archive.noise_source import NoiseSource
from core.archive.replace_report import replace_report
from core.archive.write_images import ArchiveSettings
from core.archive.writer import write_archive
from core.evaluation.delivered_visibility import DeliveredVisibility, measure_visibility
from core.evaluation.evaluation_data import no_evidence
from core.imaging.sandbox import DecoderSandbox
from core.recipes.protection_data import ProtectionData
from core.recipes.protection_report import add_measurements, build_report
from core.reports.protection_html import render_html
from core.reports.samples import take_samples
from core.results.evidence import Evidence
from core.results.protection import ProtectionReport
from core.runtime.context import RunContext

REPORT, REPORT_PAGE = "report.json", "report.html"
NOT_MEASURED_YET = "the measurement was not finished when this archive was written"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionArchive:
    """Writes the archive of one protection, and its report.

    Attributes:
        data: What is protected, and how.
        out: The zip.
        run: The device and the progress.
        scratch: Folder for temporary files.
        sandbox: Decodes and encodes the images.
    """

    data: ProtectionData
    out: Path
    run: RunContext
    scratch: Path
    sandbox: DecoderSandbox

    def write(self, noise: NoiseSource, *, job_id: str | None) -> WrittenArchive:
        """Write the archive. Where evidence is to follow, its report says that nothing was measured yet.

        Args:
            noise: The noise of all images.
            job_id: The id of the service's job, for the report.
        """
        data, progress = self.data, self.run.progress
        settings = _archive_settings(data)
        with write_archive(data.dataset, noise, self.out, settings, progress=progress, sandbox=self.sandbox) as archive:
            visibility = None if data.unmeasurable is None else self._measure_visibility(archive)
            note, images = data.unmeasurable or NOT_MEASURED_YET, data.evaluation_data(archive.delivered.pixels)
            evidence = no_evidence(images, data.setup.preset, note=note)
            report = build_report(data, archive, evidence, visibility, self.run, job_id=job_id)
            for name, text in self._report_files(report, archive, visibility).items():
                archive.add(name, text)
            archive.manifest_extra.update(
                spec=report.spec, seed=report.seed, versions=dict(report.versions), generator=dict(report.generator)
            )
        if data.unmeasurable is not None:
            progress.advance()
        return WrittenArchive(path=self.out, delivered=archive.delivered, skipped=archive.skipped)

    def complete(self, archive: WrittenArchive, evidence: Evidence) -> tuple[ProtectionReport, int]:
        """Put the report with every measurement into the archive.

        Args:
            archive: The archive that `write` wrote.
            evidence: The accuracies of learners before and after.

        Returns:
            The report, and how many first bytes the archive has in common with the one before.
        """
        visibility = self._measure_visibility(archive)
        report = add_measurements(report_in(archive), self.data, archive, evidence, visibility, self.run)
        files = self._report_files(report, archive, visibility)
        common = replace_report(self.out, files, tick=self.run.progress.tick)
        self.run.progress.advance()
        return report, common

    def _measure_visibility(self, archive: Delivery) -> DeliveredVisibility:
        return measure_visibility(
            self._files_of(archive), seed=self.data.setup.spec.seed, threads=self.run.device.cores
        )

    def _report_files(
        self, report: ProtectionReport, archive: Delivery, visibility: DeliveredVisibility | None
    ) -> dict[str, str]:
        """The files of a report by name; its page has sample images where visibility was measured."""
        samples = [] if visibility is None else take_samples(self._files_of(archive), visibility)
        return {REPORT: report.to_json(), REPORT_PAGE: render_html(report, samples)}

    def _files_of(self, archive: Delivery) -> DeliveredFiles:
        return DeliveredFiles(
            dataset=self.data.dataset,
            archive=archive,
            scratch=self.scratch,
            sandbox=self.sandbox,
            progress=self.run.progress,
        )


def report_in(archive: WrittenArchive) -> ProtectionReport:
    """The report in an archive."""
    return ProtectionReport.from_json(archive.read(REPORT))


def _archive_settings(data: ProtectionData) -> ArchiveSettings:
    spec = data.setup.spec
    return ArchiveSettings(
        radius=spec.radius_u,
        format=spec.format,
        keep_exif=spec.keep_exif,
        protect_mask=data.protect_mask,
        max_flip=data.max_flip,
    )
