"""JPEG, bit depth, greyscale and size: how much detail is lost."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.countermeasures.compression import compress_jpeg, downscale_and_upscale, reduce_bit_depth, to_greyscale


def images(n: int, c: int, size: int) -> torch.Tensor:
    """Smooth waves under noise, so that a codec has detail to preserve and detail to drop."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 6, (n, c, 1, 1))
    wave = np.sin(np.linspace(0, 6, size)[:, None] + phase) + np.cos(np.linspace(0, 9, size)[None] + phase)
    return torch.from_numpy((128 + 40 * wave + rng.normal(0, 12, (n, c, size, size))).clip(0, 255).astype(np.uint8))


def squared_error(one: torch.Tensor, other: torch.Tensor) -> float:
    return (one.float() - other.float()).square().mean().item()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_lower_jpeg_quality_loses_more(channels: int) -> None:
    pixels = images(6, channels, 32)
    lost = [squared_error(compress_jpeg(pixels, quality=quality), pixels) for quality in (90, 75, 50, 30, 10)]
    assert lost == sorted(lost)
    assert len(set(lost)) == 5
    assert lost[0] > 0


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_reducing_the_bit_depth_takes_the_nearest_of_evenly_spread_levels(bits: int) -> None:
    values = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    out = reduce_bit_depth(values, bits=bits)
    levels = np.rint(np.linspace(0, 255, 2**bits))
    assert sorted(set(out.flatten().tolist())) == levels.tolist()
    nearest = np.abs(values.numpy().reshape(-1, 1) - np.linspace(0, 255, 2**bits)).min(1)
    assert np.abs(out.flatten().numpy() - np.arange(256.0)) == pytest.approx(nearest, abs=0.51)


def test_greyscale_is_pillows_up_to_rounding() -> None:
    pixels = images(3, 3, 9)
    out = to_greyscale(pixels)
    assert out.shape == pixels.shape
    for image, greyscale in zip(pixels, out, strict=True):
        pillow = np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"), dtype=int)
        assert np.abs(greyscale.numpy() - pillow).max() <= 1
    assert torch.equal(to_greyscale(pixels[:, :1]), pixels[:, :1])


def test_halving_the_size_removes_a_checkerboard_and_preserves_a_ramp() -> None:
    board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2 * 255).to(torch.uint8).expand(1, 3, 16, 16)
    out = downscale_and_upscale(board, factor=0.5)
    assert out[:, :, 2:-2, 2:-2].float().std() < 2
    assert out.float().mean().item() == pytest.approx(127.5, abs=2)
    ramp = torch.arange(0, 160, 10, dtype=torch.uint8).expand(1, 1, 16, 16)
    inner = (downscale_and_upscale(ramp, factor=0.5).float() - ramp.float())[..., 2:-2]
    assert inner.abs().max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 20)])
def test_images_of_any_size_can_be_halved(size: tuple[int, int]) -> None:
    assert downscale_and_upscale(images(2, 3, 40)[:, :, : size[0], : size[1]], factor=0.5).shape == (2, 3, *size)
