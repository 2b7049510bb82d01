"""A report says how long the evidence took, and what was shortened or left out for it."""

from core.reports.evidence_time import left_out, shortened, time_taken
from core.reports.protection_caveats import DeliveryCounts, protection_caveats
from core.reports.verdict import verdict_of
from core.results.evidence_plan import EvidencePlan, RowPlan
from core.specs.protect import ProtectSpec
from tests.support.report_samples import evidence, row


def plan(*, updates: int = 300, images: int = 8000, left_out: tuple[str, ...] = (), tests: int = 2000) -> EvidencePlan:
    planned = RowPlan(name="standard training", updates=updates, full_updates=300, train_images=images)
    return EvidencePlan(
        seconds=300.0, rows=(planned,), left_out=left_out, full_train_images=8000, full_test_images=tests
    )


def test_evidence_without_a_limit_says_nothing_of_time() -> None:
    measured = evidence(row(before=0.6, after=0.2))
    assert (time_taken(measured), left_out(measured), shortened(measured)) == (None, None, None)


def test_evidence_that_had_time_enough_says_how_long_it_took() -> None:
    measured = evidence(row(before=0.6, after=0.2), plan=plan(), seconds=90.0)
    assert time_taken(measured) == "The measurement took 1.5 minutes of the 5 minutes that it may take."
    assert (left_out(measured), shortened(measured)) == (None, None)


def test_evidence_that_took_longer_says_so() -> None:
    measured = evidence(row(before=0.6, after=0.2), plan=plan(), seconds=400.0)
    assert time_taken(measured) == "The measurement took 6.7 minutes, more than the 5 minutes that it may take."


def test_shortened_evidence_names_its_numbers_and_that_another_machine_differs() -> None:
    name = "adversarial training, Linf radius 4/255"
    measured = evidence(
        row(before=0.6, after=0.2),
        plan=plan(updates=114, images=5000, left_out=(name,), tests=4000),
        seconds=290.0,
    )
    text = shortened(measured) or ""
    for words in ("114 updates instead of 300", "5,000 of the 8,000 training", "2,000 of the 4,000 test", "Another"):
        assert words in text
    counts = DeliveryCounts(work_size=32, images=10, enlarged=0, exceeded=0)
    assert text in protection_caveats(ProtectSpec(), measured, counts)
    missing = left_out(measured) or ""
    assert name in missing
    assert missing in verdict_of(measured).details
