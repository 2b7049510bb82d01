"""What loses detail on the way from one website to another: JPEG, fewer bits, no colour, a smaller size."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from core.countermeasures.preprocessing import to_pixels

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, what "grey" means to Pillow and JPEG


def jpeg(pixels: Tensor, *, quality: int) -> Tensor:
    """Each image of uint8 (n, c, h, w), c = 1 or 3, compressed as JPEG at `quality` (1 to 95) and read again.

    By Pillow on the CPU, wherever the pixels are: so the bytes are the same on every device.
    """
    images = [_through_jpeg(image, quality) for image in pixels.cpu().numpy()]
    return torch.from_numpy(np.stack(images)).to(pixels.device)


def _through_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    grey = image.shape[0] == 1
    file = io.BytesIO()
    Image.fromarray(image[0] if grey else image.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
    back = np.asarray(Image.open(file, formats=["JPEG"]))
    return back[None] if grey else back.transpose(2, 0, 1)


def fewer_bits(pixels: Tensor, *, bits: int) -> Tensor:
    """Each value of uint8 (n, c, h, w) moved to the nearest of 2^bits levels spread evenly over 0..255."""
    steps = 2**bits - 1
    return to_pixels((pixels.float() * (steps / 255)).round() * (255 / steps))


def greyscale(pixels: Tensor) -> Tensor:
    """Luma in all three channels of uint8 (n, 3, h, w); (n, 1, h, w) is grey already and stays."""
    if pixels.shape[1] == 1:
        return pixels
    weights = torch.tensor(LUMA, device=pixels.device).view(1, 3, 1, 1)
    return to_pixels((pixels.float() * weights).sum(1, keepdim=True)).expand_as(pixels).contiguous()


def resize_down_and_up(pixels: Tensor, *, factor: float) -> Tensor:
    """uint8 (n, c, h, w) at `factor` of its size and back, bilinear; smoothed first on the way down, as Pillow does."""
    size = (pixels.shape[2], pixels.shape[3])
    small = [max(1, round(side * factor)) for side in size]
    shrunk = to_pixels(F.interpolate(pixels.float(), small, mode="bilinear", antialias=True))
    return to_pixels(F.interpolate(shrunk.float(), size, mode="bilinear", antialias=True))
