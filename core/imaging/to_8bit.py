"""Pixels of any kind as 8-bit grey or RGB, with or without alpha. Runs in the sandbox only."""

import io
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms

from core.errors import ImageRefused
from core.imaging.sandbox_protocol import MODES


def to_eight_bits(image: Image.Image, icc: bytes | None, *, bits: int = 8) -> tuple[Image.Image, str | None]:
    """An image of any mode as L, RGB, LA or RGBA, and a note where that changed more than the storage.

    `bits` are those of a channel in the file.
    """
    mode, clear = image.mode, image.info.get("transparency")
    if mode in ("1", "L"):
        grey = image.convert("L")
        if mode == "L" and isinstance(clear, int):
            clear = clear * 255 // (2**bits - 1)  # the decoder has spread the pixels over 0 to 255, and not this
        return _keyed(grey, grey, clear), None
    if mode == "RGB" and clear is not None:
        if bits > 8:  # the decoder has cut the colours, and not the one that is to be clear
            return image, "16 bits a channel reduced to 8, and its clear colour left as it is"
        return image.convert("RGBA"), None
    if mode in MODES:
        return image, None
    if mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB"), "palette turned into colours"
    if mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ImageRefused(
                "its pixels are 32-bit numbers without a known range; save it with 8 or 16 bits a channel"
            )
        eight = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return _keyed(Image.fromarray(eight), image, clear), "16 bits a channel reduced to 8"
    if mode == "CMYK":
        return _from_cmyk(image, icc)
    if mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB"), None
    if mode in ("RGBa", "La"):
        return image.convert(mode.upper()), None
    raise ImageRefused(f"its pixels are of a kind that is not read ({mode}); save it as 8-bit RGB or grey")


def _keyed(grey: Image.Image, stored: Image.Image, clear: object) -> Image.Image:
    """A grey picture with alpha 0 where `stored` has the value `clear`, if there is any: PNG's colour key."""
    if not isinstance(clear, int):
        return grey
    alpha = np.where(np.asarray(stored) == clear, 0, 255).astype(np.uint8)
    return Image.merge("LA", (grey, Image.fromarray(alpha)))


def _from_cmyk(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    if icc is not None and icc[16:20] == b"CMYK":
        with suppress(ImageCms.PyCMSError, OSError):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            turned = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if turned is not None:
                return turned, "CMYK turned into RGB by its colour profile"
    return image.convert("RGB"), "CMYK turned into RGB"
