"""Operations that lose detail, as images do on the web: JPEG, fewer bits, no colour, a smaller size."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.countermeasures.preprocessing import to_uint8

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, the greyscale of Pillow and JPEG


def compress_jpeg(pixels: Tensor, *, quality: int) -> Tensor:
    """Compress each image as JPEG and decode it again, by Pillow on the CPU: all devices give the same bytes.

    Args:
        pixels: Images uint8 (n, c, h, w), c = 1 or 3.
        quality: The quality of Pillow, 1 to 95.
    """
    images = [_compressed(image, quality) for image in pixels.cpu().numpy()]
    return torch.from_numpy(np.stack(images)).to(pixels.device)


def _compressed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    greyscale = image.shape[0] == 1
    file = io.BytesIO()
    Image.fromarray(image[0] if greyscale else image.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(file, formats=["JPEG"]))
    return decoded[None] if greyscale else decoded.transpose(2, 0, 1)


def reduce_bit_depth(pixels: Tensor, *, bits: int) -> Tensor:
    """Move each value to the nearest of 2^bits levels, spread evenly over 0..255.

    Args:
        pixels: Images uint8 (n, c, h, w).
        bits: The bits per channel, 1 to 8.
    """
    steps = 2**bits - 1
    return to_uint8((pixels.float() * (steps / 255)).round() * (255 / steps))


def to_greyscale(pixels: Tensor) -> Tensor:
    """Put the luma in all three channels; images of one channel stay as they are.

    Args:
        pixels: Images uint8 (n, c, h, w), c = 1 or 3.
    """
    if pixels.shape[1] == 1:
        return pixels
    weights = torch.tensor(LUMA_WEIGHTS, device=pixels.device).view(1, 3, 1, 1)
    return to_uint8((pixels.float() * weights).sum(1, keepdim=True)).expand_as(pixels).contiguous()


def downscale_and_upscale(pixels: Tensor, *, factor: float) -> Tensor:
    """Shrink images by bilinear interpolation with antialiasing, as Pillow does, and enlarge them to their size again.

    Args:
        pixels: Images uint8 (n, c, h, w).
        factor: The smaller height and width as a share of the original ones, above 0 and up to 1.
    """
    size = (pixels.shape[2], pixels.shape[3])
    small_size = [max(1, round(side * factor)) for side in size]
    small = to_uint8(F.interpolate(pixels.float(), small_size, mode="bilinear", antialias=True))
    return to_uint8(F.interpolate(small.float(), size, mode="bilinear", antialias=True))
