"""The words for FLIP and SSIMULACRA2: the JPEG quality with the same score, and how many images were measured."""

from dataclasses import replace

import pytest

from core.reports.visibility_wording import (
    JPEG_SCALE,
    describe_measuring,
    describe_visibility,
    grade_of_ssimulacra2,
    jpeg_of_flip,
    jpeg_of_ssimulacra2,
)
from core.results.protection import Imperceptibility
from tests.support.report_samples import report

FORMER = Imperceptibility(linf_max=8.0, linf_mean=8.0, mae=5.0, psnr_db=32.0, ssim=0.9)


@pytest.mark.parametrize("point", JPEG_SCALE, ids=lambda point: str(point.quality))
def test_the_scores_of_a_quality_give_this_quality(point) -> None:  # type: ignore[no-untyped-def]
    expected = f"JPEG at quality {point.quality}"
    assert jpeg_of_flip(point.flip) == jpeg_of_ssimulacra2(point.ssimulacra2) == expected


def test_scores_between_and_beyond_the_scale() -> None:
    assert jpeg_of_flip((JPEG_SCALE[0].flip + JPEG_SCALE[1].flip) / 2) == "JPEG at quality 15"
    assert jpeg_of_flip(0.2) == jpeg_of_ssimulacra2(-40.0) == "JPEG below quality 10"
    assert jpeg_of_flip(0.0) == jpeg_of_ssimulacra2(100.0) == "JPEG above quality 95"


def test_the_scale_falls_in_visibility() -> None:
    assert [point.flip for point in JPEG_SCALE] == sorted((point.flip for point in JPEG_SCALE), reverse=True)
    assert [point.ssimulacra2 for point in JPEG_SCALE] == sorted(point.ssimulacra2 for point in JPEG_SCALE)


def test_grades_are_those_of_the_authors() -> None:
    assert grade_of_ssimulacra2(70.0) == "hard to notice without the original"
    assert grade_of_ssimulacra2(69.9) == "of medium quality: noticeable"
    assert grade_of_ssimulacra2(-5.0) == "of very low quality"


def test_the_sentences_name_the_mean_and_the_worst() -> None:
    measured = report().imperceptibility
    by_flip, by_ssimulacra2 = describe_visibility(measured)
    assert "JPEG at quality 75 on average, JPEG at quality 30 at worst." in by_flip
    assert "JPEG at quality 60 on average, JPEG at quality 30 at worst." in by_ssimulacra2
    assert "hard to notice without the original" in by_ssimulacra2
    strong, _ = describe_visibility(replace(measured, flip=0.2, flip_worst=0.24))
    assert "JPEG below quality 10, on average and at worst." in strong
    assert describe_visibility(FORMER) == ()


def test_the_measuring_names_the_images() -> None:
    measured = report().imperceptibility
    assert "82 of the 10,000 images that changed" in str(describe_measuring(measured))
    assert "SSIMULACRA2 on the 80 that have the 225 pixels" in str(describe_measuring(measured))
    every = replace(measured, changed_images=82, ssimulacra2_images=82)
    assert describe_measuring(every) == "Measured on all 82 images that changed."
    small = replace(every, ssimulacra2_images=0)
    assert "needs images of at least 225 pixels" in str(describe_measuring(small))
    one = replace(every, changed_images=1, measured_images=1, ssimulacra2_images=1)
    assert describe_measuring(one) == "Measured on the image that changed."
    assert describe_measuring(FORMER) is None
