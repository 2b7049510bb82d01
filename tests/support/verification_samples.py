"""Reports of verifications with invented numbers."""

from core.results.evidence import Curve
from core.results.protection import ClassCount, ReportDataset
from core.results.verification import VerificationEvidence, VerificationReport
from core.results.verification_row import Arm, VerificationRow
from core.specs.verify import VerifySpec

CLASSES = (ClassCount("a", 150), ClassCount("b", 150))


def partial_report(*, rows: int, spec: VerifySpec) -> VerificationReport:
    """A report with this number of rows and invented numbers."""
    curve = Curve(epoch=(1, 2), accuracy=(0.4, 0.3), loss=(1.0, 0.9))
    after = Arm(accuracy=0.3, peak=0.4, ci95=(0.2, 0.4), runs=(0.3,), curve=curve)
    before = Arm(accuracy=0.8, peak=0.8, ci95=(0.7, 0.9), runs=(0.8,), curve=curve)
    row = VerificationRow(
        norm=None,
        radius=0,
        countermeasure=None,
        architecture="small residual network",
        protected_percentage=100,
        before=before,
        after=after,
        rest=None,
    )
    return VerificationReport(
        job_id=None,
        created_at="2026-11-22T16:04:05Z",
        versions={},
        device="CPU",
        seconds=3.0,
        dataset=ReportDataset(name="pets", images=300, classes=CLASSES, skipped=()),
        spec=spec.to_dict(),
        target={"job_id": None, "spec": {}, "generator": {}},
        evidence=VerificationEvidence(
            image_size=32,
            train_images=240,
            test_images=60,
            chance=0.1,
            rows_requested=len(spec.rows),
            rows=(row,) * rows,
        ),
        caveats=("Only this was measured.",),
    )
