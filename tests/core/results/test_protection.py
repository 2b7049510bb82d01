"""report.json: its keys are a contract."""

import json
from dataclasses import replace

import pytest

from core.results.protection import ProtectionReport
from tests.support.report_samples import report

TOP = "job_id created_at seed versions device seconds stages dataset spec generator invisibility evidence limits"
FORMER = ("linf_max", "linf_mean", "mae", "psnr_db", "ssim")  # all that reports of release 0.1.0 have
MEASURED = (
    "flip flip_worst ssimulacra2 ssimulacra2_worst changed_images measured_images ssimulacra2_images worst_images "
    "above_target above_size"
)
ROW = (
    "training norm radius countermeasure architecture protected_percentage accuracy_before accuracy_after peak_before "
    "peak_after ci95_before ci95_after curves difference peak_difference learner image_size runs"
)
CURVE = "epoch accuracy loss correct correct_at_peak"


def test_the_keys_are_those_of_the_contract() -> None:
    data = json.loads(report().to_json())
    assert list(data) == TOP.split()
    assert set(data["dataset"]) == {*("name", "images", "classes", "skipped", "passed_through", "renamed", "layout")}
    assert set(data["dataset"]["skipped"][0]) == {"path", "reason"}
    assert set(data["dataset"]["classes"][0]) == {"name", "images"}
    assert set(data["invisibility"]) == {*FORMER, *MEASURED.split()}
    assert set(data["invisibility"]["worst_images"][0]) == {"path", "flip", "ssimulacra2"}
    evidence_keys = "learner image_size train_images test_images chance rows note seconds plan joined"
    assert set(data["evidence"]) == set(evidence_keys.split())
    assert set(data["evidence"]["rows"][0]) == set(ROW.split())
    assert set(data["evidence"]["rows"][0]["curves"]["before"]) == set(CURVE.split())


def test_a_row_of_an_older_report_has_no_learner_and_no_size() -> None:
    data = json.loads(report().to_json())
    for row in data["evidence"]["rows"]:
        del row["learner"], row["image_size"]
    read = ProtectionReport.from_json(json.dumps(data))
    assert [(row.learner, row.image_size) for row in read.evidence.rows] == [("", None)] * len(read.evidence.rows)


def test_what_was_written_is_read_back_the_same() -> None:
    original = report()
    assert ProtectionReport.from_json(original.to_json()) == original


def test_a_report_without_the_measures_at_full_size_is_read() -> None:
    data = json.loads(report().to_json())
    data["invisibility"] = {key: data["invisibility"][key] for key in FORMER}
    figures = ProtectionReport.from_json(json.dumps(data)).imperceptibility
    assert figures.ssim == report().imperceptibility.ssim
    assert (figures.flip, figures.ssimulacra2_worst, figures.changed_images) == (None, None, None)
    assert (figures.measured_images, figures.worst_images) == (0, ())


def test_odd_names_survive_as_ascii() -> None:
    odd = report(name="vögel \u202e \udcff </script>")
    text = odd.to_json()
    assert text.isascii()
    assert ProtectionReport.from_json(text.encode()).dataset.name == odd.dataset.name


def test_infinity_is_refused_rather_than_written() -> None:
    bad = report()
    with pytest.raises(ValueError, match="JSON"):
        replace(bad, imperceptibility=replace(bad.imperceptibility, psnr_db=float("inf"))).to_json()
