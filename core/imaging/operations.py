"""The operations of the sandbox. Each takes the bytes of one image file, and returns values and byte strings.

Pixels are uint8. Runs in the sandbox only.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import ImageRefused
from core.imaging.decode import decode
from core.imaging.file_encoder import UploadEncoders
from core.imaging.pixel_math import add_noise, pixel_difference, resized_pixels
from core.imaging.sandbox_protocol import Frame, Operation
from core.imaging.scaled_noise import ScalableNoise, array_noise, texture_noise
from core.imaging.texture_codebook import TextureCell
from core.imaging.visible_delivery import VisibleDelivery

TINY_EDGE = 64  # thumbnails up to this size are PNG
COARSE_NOISE = 2  # noise enlarged this many times has no colours that a JPEG with halved colours would lose
CHANGED_COLOURS = "the encoder changed its colours"


def probe(data: bytes) -> Frame:
    """Decode an image to check that it can be decoded.

    Args:
        data: The image file.

    Returns:
        `width` and `height` upright, `mode`, `format`, and `note`: what decoding changed, or None.
    """
    decoded = decode(data, min_edge=1)
    width, height = decoded.size
    values = {"width": width, "height": height, "mode": decoded.image.mode}
    return values | {"format": decoded.format, "note": decoded.note}, []


def pixels(data: bytes, *, size: int, channels: int) -> Frame:
    """Decode an image to a square.

    Args:
        data: The image file.
        size: Width and height in pixels.
        channels: 1 or 3.

    Returns:
        One blob: the pixels (channels, size, size).
    """
    return {}, [resized_pixels(decode(data).image, size, channels).tobytes()]


def encode_with_noise(
    data: bytes,
    noise: bytes,
    *,
    size: int,
    channels: int,
    radius: int,
    format: str,
    keep_exif: bool,
    texture: dict[str, Any] | None = None,
    max_flip: float | None = None,
) -> Frame:
    """Add noise to an image, resized to the image's own size, and encode the sum.

    Args:
        data: The image file.
        noise: int8 (channels, size, size), or nothing where there is a texture or no noise.
        size: Width and height of the noise, and of the pixels that are returned.
        channels: Of the noise and of the pixels, 1 or 3.
        radius: Maximum absolute value of the noise, of 255.
        format: `png`, or `same` for the format of the file.
        keep_exif: Whether EXIF and XMP are kept.
        texture: `cells`, the frequency and the angle of each cell of the class's code, and `seed` of the phases, for
            noise that is made at the image's own size.
        max_flip: Largest FLIP of the delivered file, for which the noise is scaled. None: the noise as it is.

    Returns:
        Values: `format` of the new file; `growth`, its size as a multiple of the old one's where both are of one lossy
        format, else 0; `linf`, `mae` and `mse`, its distance from the old one over all colour values
        at full size, of 255; `beyond`, the share of colour values that changed by more than `radius`; with `max_flip`
        also `flip`, and `noise`, the mean absolute value of the noise, of 255. Blobs: the new file, and its pixels as a
        network reads them, (channels, size, size).

    Raises:
        ImageRefused: The encoder changed the size, or a lossless format the colours by more than `radius`.
    """
    original = decode(data)
    whole = original.image
    encoders = UploadEncoders(
        original,
        format=format,
        keep_exif=keep_exif,
        fine_colour=texture is None and min(whole.size) < COARSE_NOISE * size,
        luma_only=texture is not None,
    )
    array = np.frombuffer(noise, np.int8).reshape(channels, size, size) if noise else None
    measured = {}
    if max_flip is not None and (texture or (array is not None and array.any())):
        delivery = VisibleDelivery(whole, _scalable_noise(whole, array, texture, radius=radius))
        done = delivery.within(max_flip, encoders)
        measured = {"flip": done.flip, "noise": done.noise}
    else:
        done = encoders.usual().deliver(whole if array is None else add_noise(whole, array, radius))
    difference = pixel_difference(whole, done.decoded, radius)
    if difference["beyond"] and not encoders.lossy:
        raise ImageRefused(CHANGED_COLOURS)
    network_input = resized_pixels(done.decoded, size, channels)
    growth = len(done.encoded) / len(data) if encoders.lossy and encoders.format == original.format else 0.0
    values = {"format": encoders.format, "growth": growth, **difference, **measured}
    return values, [done.encoded, network_input.tobytes()]


def encode_at_targets(
    data: bytes,
    *,
    radius: int,
    format: str,
    keep_exif: bool,
    texture: dict[str, Any],
    max_flips: list[float],
    window: list[int],
) -> Frame:
    """Add a texture to an image, once for each of several targets of visibility, and encode the sums.

    The files are those of `encode_with_noise`. What all targets need is computed once.

    Args:
        data: The image file.
        radius: Maximum absolute value of the noise, of 255.
        format: `png`, or `same` for the format of the file.
        keep_exif: Whether EXIF and XMP are kept.
        texture: As for `encode_with_noise`.
        max_flips: Largest FLIP of each delivered file.
        window: Left, top, right and bottom of a rectangle, in pixels of the upright image.

    Returns:
        Values: `flips`, the FLIP of each delivered file. Blobs: the new files, the old one's pixels in the window
        (bottom - top, right - left, channels), and those of each new file in the mode of the old one.

    Raises:
        ImageRefused: The encoder changed the size, or a lossless format the colours by more than `radius`.
    """
    original = decode(data)
    whole = original.image
    encoders = UploadEncoders(original, format=format, keep_exif=keep_exif, luma_only=True)
    delivery = VisibleDelivery(whole, _scalable_noise(whole, None, texture, radius=radius))
    flips, files, windows = [], [], [_window(whole, window)]
    for max_flip in max_flips:
        done = delivery.within(max_flip, encoders)
        if not encoders.lossy and pixel_difference(whole, done.decoded, radius)["beyond"]:
            raise ImageRefused(CHANGED_COLOURS)
        flips.append(done.flip)
        files.append(done.encoded)
        windows.append(_window(done.decoded, window, mode=whole.mode))
    return {"flips": flips}, [*files, *windows]


def _window(image: Image.Image, box: list[int], *, mode: str | None = None) -> bytes:
    """The pixels of a rectangle, in another mode if one is given."""
    left, top, right, bottom = box
    return image.crop((left, top, right, bottom)).convert(mode).tobytes()


def _scalable_noise(
    image: Image.Image, array: NDArray[np.int8] | None, texture: dict[str, Any] | None, *, radius: int
) -> ScalableNoise:
    if texture is not None:
        cells = [TextureCell(frequency, angle) for frequency, angle in texture["cells"]]
        return texture_noise(image, cells, texture["seed"], radius=radius)
    assert array is not None
    return array_noise(image, array, radius=radius)


def thumbnail(data: bytes, *, edge: int) -> Frame:
    """Make a small image for a page.

    Args:
        data: The image file.
        edge: Maximum width and height in pixels.

    Returns:
        One blob: a PNG if the thumbnail is tiny or has alpha, else a JPEG.
    """
    image = decode(data, min_edge=2 * edge).image
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=3.0)
    out = io.BytesIO()
    if image.mode in ("LA", "RGBA") or max(image.size) <= TINY_EDGE:
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=85)
    return {}, [out.getvalue()]


def windows(data: bytes, *, mode: str, windows: list[list[int]]) -> Frame:
    """Decode an image at full size, and cut rectangles out of it.

    Args:
        data: The image file.
        mode: Mode of the uploaded image. An encoder may have changed it: greyscale to RGB, or dropped an opaque alpha.
        windows: Left, top, right and bottom of each rectangle, in pixels of the upright image.

    Returns:
        Values: `channels`. One blob for each rectangle: the pixels (bottom - top, right - left, channels).
    """
    values = np.atleast_3d(np.asarray(decode(data).image.convert(mode)))
    blobs = [values[top:bottom, left:right].tobytes() for left, top, right, bottom in windows]
    return {"channels": values.shape[2]}, blobs


OPERATIONS: dict[Operation, Callable[..., Frame]] = {
    "probe": probe,
    "pixels": pixels,
    "encode_with_noise": encode_with_noise,
    "encode_at_targets": encode_at_targets,
    "thumbnail": thumbnail,
    "windows": windows,
}
