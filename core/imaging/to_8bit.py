"""Convert images of any mode to 8-bit greyscale or RGB, with or without alpha. Runs in the sandbox only."""

import io
from contextlib import suppress

import numpy as np
from PIL import Image, ImageCms

from core.errors import ImageRefused
from core.imaging.sandbox_protocol import MODES

NARROW_RANGE = 32  # of 256 values


def convert_to_8bit(image: Image.Image, icc: bytes | None, *, bits: int = 8) -> tuple[Image.Image, str | None]:
    """Convert an image to L, RGB, LA or RGBA.

    Args:
        image: Of any mode.
        icc: The file's colour profile; it converts CMYK.
        bits: Bits per channel in the file.

    Returns:
        The image, and a note if more than the storage changed.

    Raises:
        ImageRefused: The mode is not supported.
    """
    mode, transparent = image.mode, image.info.get("transparency")
    if mode in ("1", "L"):
        greyscale = image.convert("L")
        if mode == "L" and isinstance(transparent, int):
            transparent = (
                transparent * 255 // (2**bits - 1)
            )  # the decoder has scaled the pixels to 0..255, but not this
        return _with_colour_key(greyscale, greyscale, transparent), None
    if mode == "RGB" and transparent is not None:
        if bits > 8:  # the decoder has reduced the pixels, but not the transparent colour, so they cannot be compared
            return image, "16 bits per channel reduced to 8; its transparent colour became opaque"
        return image.convert("RGBA"), None
    if mode in MODES:
        return image, None
    if mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB"), "palette converted to RGB"
    if mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ImageRefused("its pixels are 32-bit numbers of unknown range; save it with 8 or 16 bits per channel")
        reduced = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return _with_colour_key(Image.fromarray(reduced), image, transparent), "16 bits per channel reduced to 8"
    if mode == "CMYK":
        return _from_cmyk(image, icc)
    if mode in ("RGBX", "YCbCr", "HSV"):
        return image.convert("RGB"), None
    if mode in ("RGBa", "La"):
        return image.convert(mode.upper()), None
    raise ImageRefused(f"its kind of pixels ({mode}) is not supported; save it as 8-bit RGB or greyscale")


def narrow_range(image: Image.Image) -> str | None:
    """A warning if an image whose depth was reduced uses only a few of 256 values, as 12 bits in 16 do; else None.

    Args:
        image: As it was reduced to 8 bits.
    """
    values = np.asarray(image)
    colours = values[..., : values.shape[-1] - 1] if image.mode in ("LA", "RGBA") else values
    darkest, brightest = int(colours.min()), int(colours.max())
    if max(image.size) > 1 and brightest - darkest < NARROW_RANGE:
        return (
            "its values use only a narrow range of those that 16 bits can hold, so it looks nearly even, "
            "often black: stretch them to the full range before you upload it"
        )
    return None


def _with_colour_key(greyscale: Image.Image, stored: Image.Image, transparent: object) -> Image.Image:
    """A greyscale image with alpha 0 where `stored` has the value `transparent` (the tRNS chunk of a PNG)."""
    if not isinstance(transparent, int):
        return greyscale
    alpha = np.where(np.asarray(stored) == transparent, 0, 255).astype(np.uint8)
    return Image.merge("LA", (greyscale, Image.fromarray(alpha)))


def _from_cmyk(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    if icc is not None and icc[16:20] == b"CMYK":
        with suppress(ImageCms.PyCMSError, OSError):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted, "CMYK converted to RGB by its colour profile"
    return image.convert("RGB"), "CMYK converted to RGB"
