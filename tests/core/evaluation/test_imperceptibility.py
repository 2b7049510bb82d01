"""Imperceptibility figures against values that can be worked out by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from core.evaluation.imperceptibility import measure_imperceptibility, psnr, ssim


def noise_like(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(40, 200, shape, dtype=np.uint8)


def test_psnr_of_known_errors() -> None:
    # 255^2 is 0 dB, 1 is 20 log10(255), and a change of 8 everywhere (mse 64) is 30.07 dB.
    assert psnr(np.array([255.0**2, 1.0, 64.0])) == pytest.approx([0.0, 48.1308, 30.0690], abs=1e-4)


def test_ssim_of_flat_pictures_is_the_luminance_term() -> None:
    # Two constants a, b have no variance: SSIM = (2ab + c1) / (a^2 + b^2 + c1), c1 = (0.01 * 255)^2.
    a, b, c1 = 100, 150, (0.01 * 255) ** 2
    one, two = (np.full((300, 3, 32, 32), v, np.uint8) for v in (a, b))
    assert ssim(one, two) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-4)
    assert ssim(one, one) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("shape", [(3, 3, 32, 32), (2, 1, 50, 50)])
def test_ssim_is_what_torchmetrics_gives(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    one = noise_like(shape)
    two = one + rng.integers(0, 17, shape, dtype=np.uint8)
    x, y = (torch.from_numpy(a).double() for a in (one, two))
    theirs = structural_similarity_index_measure(x, y, data_range=255.0)
    assert ssim(one, two) == pytest.approx(float(torch.as_tensor(theirs)), abs=1e-5)


def test_figures_of_a_change_of_8_everywhere() -> None:
    originals = noise_like((5, 3, 32, 32))
    delivered = originals + 8
    figures = measure_imperceptibility(
        originals, delivered, linf=np.full(5, 8.0), mae=np.full(5, 8.0), mse=np.full(5, 64.0)
    )
    assert (figures.linf_max, figures.linf_mean, figures.mae) == (8.0, 8.0, 8.0)
    assert figures.psnr_db == pytest.approx(30.0690, abs=1e-4)
    assert figures.ssim is not None
    assert 0.9 < figures.ssim < 1.0


def test_untouched_pictures_do_not_flatter() -> None:
    originals = noise_like((4, 1, 32, 32))
    delivered = originals.copy()
    delivered[:2] += 8
    half = np.array([8.0, 8.0, 0.0, 0.0])
    figures = measure_imperceptibility(originals, delivered, linf=half, mae=half, mse=half**2)
    alone = measure_imperceptibility(originals[:2], delivered[:2], linf=half[:2], mae=half[:2], mse=half[:2] ** 2)
    assert figures == alone


def test_nothing_changed_has_no_ratio() -> None:
    originals = noise_like((2, 1, 32, 32))
    zero = np.zeros(2)
    figures = measure_imperceptibility(originals, originals, linf=zero, mae=zero, mse=zero)
    assert (figures.linf_max, figures.psnr_db, figures.ssim) == (0.0, None, None)


def test_shapes_must_agree() -> None:
    originals = noise_like((2, 1, 32, 32))
    with pytest.raises(ValueError, match="shapes disagree"):
        measure_imperceptibility(originals, originals, linf=np.zeros(3), mae=np.zeros(2), mse=np.zeros(2))
